import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type FaultServer,
  type Image,
  sampleImages,
  startFaultyProxy,
  startRegistry,
  type TestRegistry,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { contentBytesSent } from '../support/content-bytes.ts'
import { startDockerHub } from '../support/docker-hub.ts'
import { containerdClient, containersClients } from '../support/engines.ts'
import { Lab, type TestProgram } from '../support/lab.ts'

const alice = { user: 'alice', password: 'the-secret-of-alice' }
const bob = { user: 'bob', password: 'the-secret-of-bob' }
const repository = 'team/app'
const reference = `docker.io/${repository}:1`

let lab: Lab
let registry: TestRegistry
let seedLink: FaultServer
let image: Image
let first: TestProgram
let second: TestProgram
let supernode: TestProgram

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(
    await startRegistry({
      auth: {
        scheme: 'token',
        users: { [alice.user]: alice.password, [bob.user]: bob.password },
        rights: { [bob.user]: '^other/' },
      },
    }),
  )
  image = await sampleImages.multiLayer(await lab.folder('layers'))
  registry.content.addImage(`${repository}:1`, image)

  // Hosts fetch pieces of the seed through a relay that keeps every request.
  const seedPort = 40_000 + (process.pid % 20_000)
  seedLink = lab.keep(await startFaultyProxy({ upstream: `http://127.0.0.1:${seedPort}` }))
  supernode = await lab.supernode({
    listen: `127.0.0.1:${seedPort}`,
    args: ['--advertise', seedLink.url],
  })
  const settings = {
    supernodeUrl: supernode.url,
    upstreamUrl: registry.url,
    registries: { 'docker.io': registry.url },
  }
  first = await lab.dfdaemon({ ...settings, name: 'first' })
  second = await lab.dfdaemon({ ...settings, name: 'second' })
})

afterAll(() => lab.close())

describe('a private repository, its blobs cached', () => {
  it('containerd pulls it with the credentials of one who may', async () => {
    const hub = await startDockerHub(lab, registry.url)
    const { containerd } = await containerdClient(lab, 'hosts', {
      mirrorUrl: first.url,
      within: hub.within,
    })
    await containerd.cri.pull(reference, { login: alice })
    expect((await containerd.cri.images())[0]?.repo_digests).toEqual([
      `docker.io/${repository}@${image.digest}`,
    ])
    expect(hub.server.log.entries).toEqual([])
  })

  it('one without rights gets the registry’s own refusal, for the manifest and for a cached blob', async () => {
    const token = await tokenOf(bob)
    const [config, layer] = [image.blobs[0]?.digest, image.blobs.at(-1)?.digest]
    for (const path of [
      `manifests/1`,
      `manifests/${image.digest}`,
      `blobs/${config}`,
      `blobs/${layer}`,
    ])
      for (const headers of [{}, { authorization: `Bearer ${token}` }]) {
        const [direct, mirrored] = await Promise.all(
          [registry.url, first.url].map((base) =>
            answerOf(`${base}/v2/${repository}/${path}`, headers),
          ),
        )
        expect(mirrored).toEqual(direct)
        expect(direct?.status).toBe(401)
      }
  })

  it('skopeo on another host pulls it with rights: from the swarm, the registry sends no blob again', async () => {
    const { skopeo, containers } = await containersClients(lab, { mirrorUrl: second.url })
    const login = Buffer.from(`${alice.user}:${alice.password}`).toString('base64')
    await writeFile(
      containers.authFilePath,
      JSON.stringify({ auths: { [new URL(second.url).host]: { auth: login } } }),
    )
    expect(await skopeo.pull(reference)).toMatchObject({ ok: true, digest: image.digest })
    for (const { digest, source } of image.blobs)
      expect(contentBytesSent(registry, digest), digest).toBe(source.sizeBytes)
  })

  it('skopeo without rights fails on the host that has the blobs', async () => {
    const { skopeo, containers } = await containersClients(lab, { mirrorUrl: second.url })
    const login = Buffer.from(`${bob.user}:${bob.password}`).toString('base64')
    await writeFile(
      containers.authFilePath,
      JSON.stringify({ auths: { [new URL(second.url).host]: { auth: login } } }),
    )
    expect(await skopeo.pull(reference)).toMatchObject({ ok: false })
  })
})

describe('the credentials that went through', () => {
  it('are in no log and no file of our programs', async () => {
    const secrets = secretsSeen()
    expect(secrets.length).toBeGreaterThan(5)
    const files = await filesOf([first, second, supernode])
    expect(files.length).toBeGreaterThan(10)
    for (const file of files) {
      const bytes = await readFile(file)
      for (const secret of secrets)
        expect(bytes.includes(secret), `${secret} in ${file}`).toBe(false)
    }
  })

  it('are in no request for pieces', () => {
    expect(seedLink.log.entries.length).toBeGreaterThan(0)
    const asked = JSON.stringify(seedLink.log.entries.map(({ url, headers }) => ({ url, headers })))
    expect(seedLink.log.matching(/content/)).not.toEqual([])
    for (const { headers } of seedLink.log.entries) expect(headers.authorization).toBeUndefined()
    for (const secret of secretsSeen()) expect(asked).not.toContain(secret)
  })

  it('are not part of a task’s id: both hosts have the same tasks', async () => {
    const [one, other] = await Promise.all(
      [first, second].map(async ({ url }) => {
        const { tasks } = (await (await fetch(`${url}/api/v1/tasks`)).json()) as {
          tasks: { id: string }[]
        }
        return tasks.map(({ id }) => id).sort()
      }),
    )
    expect(one).toHaveLength(image.blobs.length)
    expect(other).toEqual(one)
  })
})

/** Passwords as such and as they travel, and every token that the registry saw. */
function secretsSeen(): string[] {
  const tokens = registry.log.entries.flatMap(({ headers }) => {
    const [, credential] = /^(?:Bearer|Basic) (.+)$/.exec(headers.authorization ?? '') ?? []
    return credential === undefined ? [] : [credential]
  })
  const logins = [alice, bob].flatMap(({ user, password }) => [
    password,
    Buffer.from(`${user}:${password}`).toString('base64'),
  ])
  return [...new Set([...tokens, ...logins])]
}

async function filesOf(programs: readonly TestProgram[]): Promise<string[]> {
  const files = await Promise.all(
    programs.map(async ({ dataDir, logPath }) => {
      const entries = await readdir(dataDir, { recursive: true, withFileTypes: true })
      const below = entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
      return [logPath, ...below]
    }),
  )
  return files.flat()
}

async function tokenOf({ user, password }: typeof alice): Promise<string> {
  const login = Buffer.from(`${user}:${password}`).toString('base64')
  const scope = `repository:${repository}:pull`
  const answer = await fetch(`${registry.url}/token?service=test-registry&scope=${scope}`, {
    headers: { authorization: `Basic ${login}` },
  })
  const { token } = (await answer.json()) as { token: string }
  return token
}

async function answerOf(url: string, headers: Record<string, string>) {
  const answer = await fetch(url, { headers })
  return {
    status: answer.status,
    challenge: answer.headers.get('www-authenticate')?.replace(/127\.0\.0\.1:\d+/, 'HOST'),
    body: await answer.text(),
  }
}
