import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import {
  checkServerIdentity as checkName,
  connect,
  type PeerCertificate,
  createServer as tlsServer,
} from 'node:tls'
import { isAppError } from '@df/proto'
import { runOk, tempDirectory } from '@df/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'
import { loadAuthority } from './authority.ts'
import { genCaCommand } from './gen-ca.ts'

describe('gen-ca', () => {
  it('makes a certificate and a key that only its owner reads, and says what to do with them', async () => {
    const folder = await temporary()
    const out = join(folder, 'new/folder')
    const said = await genCa('--out', out)
    const certificate = new X509Certificate(await readFile(join(out, 'ca.crt')))
    expect([certificate.ca, (await stat(join(out, 'ca.key'))).mode & 0o777]).toEqual([true, 0o600])
    expect(said).toContain(`--proxy.ca-cert ${join(out, 'ca.crt')}`)
    expect(said).toContain(`--proxy.ca-key ${join(out, 'ca.key')}`)
  })

  it('overwrites nothing, and leaves nothing behind when it cannot do all', async () => {
    const folder = await temporary()
    await writeFile(join(folder, 'ca.crt'), 'somebody’s')
    expect(await failure('--out', folder)).toMatch(
      /^OUTPUT_FAILED: --out: .*ca\.crt is there already; /,
    )
    expect(await readFile(join(folder, 'ca.crt'), 'utf8')).toBe('somebody’s')
    await expect(stat(join(folder, 'ca.key'))).rejects.toThrow('ENOENT')
  })

  it('names what is wrong with its input', async () => {
    expect(await failure()).toMatch(/^CONFIG_INVALID: --out: is required/)
    expect(await failure('--out', '/proc/none/ca')).toMatch(
      /^OUTPUT_FAILED: --out: \/proc\/none cannot be written \(ENOENT\); choose a folder/,
    )
    expect(await failure('--out', '/dev/null')).toMatch(/cannot be written \(EEXIST\)/)
    expect(await failure('--out', 'x', '--host', 'registry.lan:5000')).toMatch(
      /^USAGE: --host: 'registry.lan:5000' is not a host name or an IP address; write /,
    )
    expect(await failure('--out', 'x', '--days', '0')).toMatch(/^CONFIG_INVALID: --days: /)
  })
})

describe('an authority', () => {
  it.each(['registry.lan', '127.0.0.1', '::1'])('signs for %s what clients take', async (name) => {
    const { authority, cert } = await made()
    const leaf = await authority.issue(name)
    expect(await handshake(leaf, cert, name)).toBe('trusted')
    expect(await handshake(leaf, cert, 'other.lan')).toMatch(/ALTNAME/)
  })

  it('that is limited to hosts is good for them and what is below them only', async () => {
    const { authority, cert } = await made('--host', '*.lan', '--host', '10.0.0.5')
    const good = ['a.lan', '10.0.0.5', 'example.com', '10.0.0.6', '::1'].map(async (name) => {
      return (await handshake(await authority.issue(name), cert, name)) === 'trusted'
    })
    expect(await Promise.all(good)).toEqual([true, true, false, false, false])
  })

  it('limited to an address is good for no name', async () => {
    const { authority, cert } = await made('--host', '10.0.0.5')
    expect(await handshake(await authority.issue('a.lan'), cert, 'a.lan')).not.toBe('trusted')
  })

  it('may be an RSA one that openssl made', async () => {
    const folder = await temporary()
    const [cert, key] = [join(folder, 'c'), join(folder, 'k')]
    const request = ['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-subj', '/CN=x']
    await runOk([...request, '-keyout', key, '-out', cert])
    const pair = { cert: await readFile(cert, 'utf8'), key: await readFile(key, 'utf8') }
    const leaf = await (await loadAuthority(pair)).issue('a.lan')
    expect(await handshake(leaf, pair.cert, 'a.lan')).toBe('trusted')
  })

  it('is refused with what is wrong with it', async () => {
    const [one, other] = [await made(), await made()]
    const leaf = await one.authority.issue('a.lan')
    const refused = (pair: { cert: string; key: string }) =>
      loadAuthority(pair).then(
        () => 'taken',
        (error: Error) => error.message,
      )
    expect(await refused({ cert: one.cert, key: other.key })).toMatch(/the key is not the one/)
    expect(await refused(leaf)).toMatch(/is not one of an authority/)
    expect(await refused({ cert: 'x', key: one.key })).toMatch(/the certificate is not PEM/)
    expect(await refused({ cert: one.cert, key: 'x' })).toMatch(/the key is not PEM/)
  })
})

async function made(...flags: string[]) {
  const out = await temporary()
  await genCa('--out', out, ...flags)
  const cert = await readFile(join(out, 'ca.crt'), 'utf8')
  const key = await readFile(join(out, 'ca.key'), 'utf8')
  return { authority: await loadAuthority({ cert, key }), cert, key }
}

async function temporary(): Promise<string> {
  const directory = await tempDirectory()
  onTestFinished(() => directory.remove())
  return directory.path
}

async function genCa(...argv: string[]): Promise<string> {
  let said = ''
  const output = { write: (text: string) => void (said += text), columns: undefined }
  const code = await genCaCommand.run(argv, {
    stdin: Readable.from([]),
    stdout: output,
    stderr: output,
    env: {},
    cwd: '/tmp',
    uid: 0,
    signal: new AbortController().signal,
    version: '0',
  })
  expect(code).toBe(0)
  return said
}

async function failure(...argv: string[]): Promise<string> {
  try {
    await genCa(...argv)
  } catch (error) {
    if (isAppError(error)) return `${error.code}: ${error.message}; ${error.hint}`
    throw error
  }
  return 'it did not fail'
}

/** What a client that trusts `ca` says of a server with this certificate when it wants `name`. */
async function handshake(
  pair: { cert: string; key: string },
  ca: string,
  name: string,
): Promise<string> {
  const server = tlsServer(pair, (socket) => socket.end())
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const checkServerIdentity = (_: string, peer: PeerCertificate) => checkName(name, peer)
  try {
    return await new Promise<string>((resolve) => {
      const socket = connect({ port, host: '127.0.0.1', ca, checkServerIdentity })
      socket.once('error', (error) => resolve('code' in error ? `${error.code}` : error.message))
      socket.once('secureConnect', () => resolve('trusted'))
    })
  } finally {
    server.close()
  }
}
