import { X509Certificate } from 'node:crypto'
import { makeCa, type TestCa, tempDirectory } from '@df/testkit'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { judgeKey, judgePem, judgeTrust, type PemFile } from './certificates-check.ts'

let folder: Awaited<ReturnType<typeof tempDirectory>>
let ca: TestCa

beforeAll(async () => {
  folder = await tempDirectory()
  ca = await makeCa(folder.path)
})
afterAll(() => folder.remove())

// Certificates of this test begin in a later second than the one in which it is read.
const now = { nowMs: Date.now() + 60_000, uid: 0 }
const file = (text: string, over: Partial<PemFile> = {}): PemFile => ({
  path: '/etc/ca.pem',
  setting: '--supernode-ca',
  text,
  mode: 0o644,
  ...over,
})
const levels = (...args: Parameters<typeof judgePem>) => judgePem(...args).map(({ level }) => level)

test('an authority that is valid is well', () => {
  expect(judgePem(file(ca.certificate), now)).toEqual([
    { level: 'ok', message: '/etc/ca.pem (--supernode-ca)' },
  ])
})

test.each([
  ['ENOENT', '/etc/ca.pem (--supernode-ca) does not exist'],
  ['EISDIR', '/etc/ca.pem (--supernode-ca) is a folder'],
  ['EACCES', '/etc/ca.pem (--supernode-ca) cannot be read (EACCES)'],
])('a file that cannot be read is an error: %s', (unreadable, message) => {
  expect(judgePem(file('', { unreadable }), now)).toEqual([
    {
      level: 'error',
      message,
      mend: "put the authority's certificate there, or mend --supernode-ca",
    },
  ])
})

test('a file that this user alone may not read is skipped', () => {
  expect(levels(file('', { unreadable: 'EACCES' }), { ...now, uid: 1000 })).toEqual(['skipped'])
})

test('a file that is no PEM, or holds nonsense between its lines', () => {
  expect(judgePem(file('hello'), now)).toMatchObject([
    { level: 'error', message: '/etc/ca.pem (--supernode-ca) holds no certificate in PEM' },
  ])
  const nonsense = '-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n'
  expect(judgePem(file(nonsense), now)).toMatchObject([
    { level: 'error', message: expect.stringContaining('cannot be read') },
  ])
})

test('a certificate that has ended, ends soon or has not begun', () => {
  const endMs = new X509Certificate(ca.certificate).validToDate.getTime()
  const at = (nowMs: number) => levels(file(ca.certificate), { nowMs, uid: 0 })
  expect(at(endMs + 1000)).toEqual(['error'])
  expect(at(endMs - 86_400_000)).toEqual(['warning'])
  expect(at(endMs - 60 * 86_400_000)).toEqual(['error'])
})

test("a server's certificate in place of its authority's, and a key that lies with it", async () => {
  const { cert, key } = await ca.issue('registry.lan')
  const [found] = judgePem(file(cert), now)
  expect(found?.message).toContain('is the certificate of a server, not of an authority')
  const [withKey] = judgePem(file(ca.certificate + key), now)
  expect(withKey).toMatchObject({
    level: 'warning',
    message: '/etc/ca.pem (--supernode-ca) holds a private key besides, readable by others',
  })
})

test("the proxy's key is for one user only", () => {
  const key = { setting: '--proxy.ca-key', path: '/etc/ca.key' }
  expect(judgeKey(file('key', { ...key, mode: 0o600 }))).toEqual([])
  expect(judgeKey(file('key', { ...key, mode: 0o640 }))).toEqual([
    {
      level: 'error',
      message: '/etc/ca.key (--proxy.ca-key): other users may read or change it',
      mend: 'chmod 600 /etc/ca.key',
    },
  ])
  expect(judgeKey(file('', { ...key, unreadable: 'EACCES' }))).toMatchObject([{ level: 'skipped' }])
})

test("the proxy's authority is trusted by an engine or the system, or it is a warning", async () => {
  const other = await makeCa(folder.path)
  const proxy = file(ca.certificate)
  expect(judgeTrust(proxy, [file(`# system\n${other.certificate}\n${ca.certificate}`)])).toEqual([])
  expect(judgeTrust(proxy, [file(other.certificate), file('')])).toMatchObject([
    { level: 'warning', mend: expect.stringContaining('/etc/docker/certs.d/HOST/ca.crt') },
  ])
})
