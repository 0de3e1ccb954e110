import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Keychain } from './keychain.ts'

let dir: string
let problems: string[]

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'df-keychain-'))
  problems = []
})
afterEach(() => rm(dir, { recursive: true, force: true }))

/** A user whose home is the test's folder. */
function keychain(env: Record<string, string> = {}, signal = new AbortController().signal) {
  return new Keychain({
    env: {
      HOME: dir,
      XDG_RUNTIME_DIR: join(dir, 'run'),
      PATH: `${join(dir, 'bin')}:/usr/bin:/bin`,
      ...env,
    },
    uid: 1000,
    onHelperFailed: ({ message }) => problems.push(message),
    signal,
  })
}

async function put(path: string, text: string): Promise<string> {
  const place = join(dir, path)
  await mkdir(dirname(place), { recursive: true })
  await writeFile(place, text)
  return place
}

const login = (username: string, password: string) => ({
  auth: Buffer.from(`${username}:${password}`).toString('base64'),
})
const auths = (logins: object) => JSON.stringify({ auths: logins })

/** A helper as docker's are: reads the registry from stdin, answers in JSON. */
async function putHelper(name: string, script: string): Promise<void> {
  await chmod(await put(`bin/docker-credential-${name}`, `#!/bin/sh\n${script}\n`), 0o755)
}

describe('the logins of a user', () => {
  it('are none where nobody ever logged in', async () => {
    expect(await keychain().loginFor('r.lan', 'app')).toBeUndefined()
  })

  it('are found in the files of docker and podman, podman’s first', async () => {
    await put(
      '.docker/config.json',
      auths({ 'r.lan': login('docker', '1'), 'd.lan': login('d', '2') }),
    )
    await put('.config/containers/auth.json', auths({ 'r.lan': login('config', '3') }))
    await put('run/containers/auth.json', auths({ 'r.lan/app': login('runtime', '4') }))
    const keys = keychain()
    expect(await keys.loginFor('r.lan', 'app')).toMatchObject({ username: 'runtime' })
    expect(await keys.loginFor('r.lan', 'other')).toMatchObject({ username: 'config' })
    expect(await keys.loginFor('d.lan', 'app')).toEqual({ username: 'd', password: '2' })
  })

  it('are looked for first where the variables of docker and podman point', async () => {
    await put('elsewhere/config.json', auths({ 'r.lan': login('docker', '1') }))
    const file = await put('my-auth.json', auths({ 'p.lan': login('podman', '2') }))
    const keys = keychain({ DOCKER_CONFIG: join(dir, 'elsewhere'), REGISTRY_AUTH_FILE: file })
    expect(await keys.loginFor('r.lan', 'app')).toMatchObject({ username: 'docker' })
    expect(await keys.loginFor('p.lan', 'app')).toMatchObject({ username: 'podman' })
  })

  it('cannot be told from a file that is broken, or named and missing: the file is named, its text not', async () => {
    const broken = await put('.docker/config.json', `{"auths": {"r.lan": {"auth": "secret!"}}}`)
    await expect(keychain().loginFor('r.lan', 'app')).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `the logins in ${broken} cannot be read: auth of r.lan is not a name and a password in base64`,
    })
    const missing = join(dir, 'missing.json')
    await expect(
      keychain({ REGISTRY_AUTH_FILE: missing }).loginFor('r.lan', 'app'),
    ).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `the logins in ${missing} cannot be read (ENOENT)`,
    })
  })
})

describe('a credential helper', () => {
  it('is asked for the registry it is named for, and docker’s store for all others', async () => {
    await putHelper('one', `echo '{"ServerURL":"x","Username":"one","Secret":"'$(cat)'"}'`)
    await putHelper('all', `echo '{"ServerURL":"x","Username":"all","Secret":"'$(cat)'"}'`)
    await put(
      '.docker/config.json',
      JSON.stringify({ credHelpers: { 'one.lan': 'one' }, credsStore: 'all' }),
    )
    const keys = keychain()
    expect(await keys.loginFor('one.lan', 'app')).toEqual({ username: 'one', password: 'one.lan' })
    expect(await keys.loginFor('docker.io', 'library/app')).toEqual({
      username: 'all',
      password: 'https://index.docker.io/v1/',
    })
  })

  it('can give an identity token, or know nothing', async () => {
    await putHelper(
      'some',
      `read -r server
       if [ "$server" = acr.lan ]; then echo '{"Username":"<token>","Secret":"refresh"}'; exit 0; fi
       echo 'credentials not found in native keychain'; exit 1`,
    )
    await put('.docker/config.json', JSON.stringify({ credsStore: 'some' }))
    const keys = keychain()
    expect(await keys.loginFor('acr.lan', 'app')).toEqual({ identityToken: 'refresh' })
    expect(await keys.loginFor('other.lan', 'app')).toBeUndefined()
    expect(problems).toEqual([])
  })

  it.each([
    ['that is not installed', 'gone', undefined, 'cannot be run'],
    ['that fails', 'bad', 'echo the-secret; exit 3', 'ended with 3'],
    [
      'that says something else',
      'odd',
      'echo the-secret',
      'did not answer with a name and a secret',
    ],
    ['that never ends printing', 'loud', 'yes the-secret 2>/dev/null', 'ended with a signal'],
  ])('%s is told of, and the login looked for elsewhere', async (_, name, script, why) => {
    if (script !== undefined) await putHelper(name, script)
    await put(
      '.docker/config.json',
      JSON.stringify({ auths: { 'r.lan': login('file', '1') }, credsStore: name }),
    )
    expect(await keychain().loginFor('r.lan', 'app')).toMatchObject({ username: 'file' })
    expect(problems).toEqual([`the credential helper docker-credential-${name} ${why}`])
  })

  it('that waits for somebody is ended with the command', async () => {
    await putHelper('slow', `echo $$ > ${join(dir, 'pid')}; exec sleep 60`)
    await put('.docker/config.json', JSON.stringify({ credsStore: 'slow' }))
    const stop = new AbortController()
    const asking = keychain({}, stop.signal).loginFor('r.lan', 'app')
    setTimeout(() => stop.abort(new Error('enough')), 200)
    await expect(asking).rejects.toThrow('enough')
  })
})
