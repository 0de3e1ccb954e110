import { X509Certificate } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Check,
  type DoctorContext,
  type Finding,
  failure,
  ok,
  skipped,
  warning,
} from './check.ts'
import { day } from './web-verdict.ts'

const ENGINES_TRUST = 'trusted by engines'
/** Of Debian; other systems link it. */
const SYSTEM_BUNDLE = 'etc/ssl/certs/ca-certificates.crt'
const SOON_MS = 14 * 24 * 3600 * 1000

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** A file with certificates, or with a key, as it was found. */
export interface PemFile {
  path: string
  /** What says that it is used. */
  setting: string
  /** Code of why it cannot be read. */
  unreadable?: string
  text: string
  /** Permission bits. */
  mode: number
}

/** Files with certificates that dfdaemon and engines read. Servers' certificates are looked at on the wire. */
export const certificatesCheck: Check = {
  name: 'certificates',
  summary:
    "files with authorities: readable, PEM, valid, no key beside them; the proxy's key and who trusts it",
  async run(context) {
    const { config, root } = context
    const own = [
      [config.supernodeCa, '--supernode-ca'],
      [config.originCa, '--origin-ca'],
      [config.proxy.caCert, '--proxy.ca-cert'],
    ] as const
    const files = await Promise.all([
      ...own.flatMap(([path, setting]) => (path === undefined ? [] : [pemFile(path, setting)])),
      ...(await trustFolders(root)).map((path) => pemFile(path, ENGINES_TRUST)),
    ])
    if (files.length === 0) return [skipped('no authority is configured')]
    const { caKey, intercept } = config.proxy
    const proxyCa = files.find(({ setting }) => setting === '--proxy.ca-cert')
    const bundle = await pemFile(join(root, SYSTEM_BUNDLE), 'the system')
    const trusted = [bundle, ...files.filter((file) => file.setting === ENGINES_TRUST)]
    return [
      ...files.flatMap((file) => judgePem(file, { nowMs: Date.now(), uid: context.uid })),
      ...(caKey === undefined ? [] : judgeKey(await pemFile(caKey, '--proxy.ca-key'))),
      ...(proxyCa === undefined || intercept.length === 0 ? [] : judgeTrust(proxyCa, trusted)),
    ]
  },
}

async function pemFile(path: string, setting: string): Promise<PemFile> {
  try {
    const { mode } = await stat(path)
    return { path, setting, text: await readFile(path, 'utf8'), mode: mode & 0o777 }
  } catch (error) {
    const unreadable = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    return { path, setting, unreadable, text: '', mode: 0 }
  }
}

/** Authorities in the folders by registry of docker and of containers/image. */
async function trustFolders(root: DoctorContext['root']): Promise<string[]> {
  const folders = ['etc/docker/certs.d', 'etc/containers/certs.d'].map((path) => join(root, path))
  const found = await Promise.all(
    folders.map(async (folder) => {
      const names = await readdir(folder, { recursive: true }).catch(() => [])
      return names.filter((name) => name.endsWith('.crt')).map((name) => join(folder, name))
    }),
  )
  return found.flat()
}

export function judgePem(file: PemFile, { nowMs, uid }: { nowMs: number; uid: number }): Finding[] {
  const { path, setting, unreadable, text, mode } = file
  if (unreadable !== undefined) return [unreadableFinding(file, uid)]
  const mend = `write a PEM file with the authority's certificate to ${path}`
  const blocks = text.match(CERTIFICATE) ?? []
  if (blocks.length === 0)
    return [failure(`${path} (${setting}) holds no certificate in PEM`, mend)]
  const found: Finding[] = []
  if (/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(text)) {
    found.push(
      warning(
        `${path} (${setting}) holds a private key besides${(mode & 0o044) === 0 ? '' : ', readable by others'}`,
        'take the key out: an authority is trusted by its certificate alone',
      ),
    )
  }
  for (const block of blocks) found.push(...judgeCertificate(block, { path, setting, mend, nowMs }))
  return found.length > 0 ? found : [ok(`${path} (${setting})`)]
}

/** Who has the key of an authority can pass for any host to those who trust it. */
export function judgeKey({ path, setting, unreadable, mode }: PemFile): Finding[] {
  if (unreadable !== undefined) {
    // dfdaemon says so itself when it starts; who runs the doctor may be another user.
    return [skipped(`${path} (${setting}): cannot be read (${unreadable})`)]
  }
  if ((mode & 0o077) === 0) return []
  return [failure(`${path} (${setting}): other users may read or change it`, `chmod 600 ${path}`)]
}

/** Whether some engine of the host trusts the authority of the proxy. */
export function judgeTrust(authority: PemFile, trusted: readonly PemFile[]): Finding[] {
  const bare = (text: string) => text.replaceAll(/\s/g, '')
  const [block = ''] = authority.text.match(CERTIFICATE) ?? []
  if (block === '' || trusted.some(({ text }) => bare(text).includes(bare(block)))) return []
  return [
    warning(
      `${authority.path}: neither the system nor docker or podman trusts it, so hosts of --proxy.intercept get plain tunnels`,
      `copy it to /etc/docker/certs.d/HOST/ca.crt, or to /usr/local/share/ca-certificates/ and run update-ca-certificates`,
    ),
  ]
}

function judgeCertificate(
  block: string,
  { path, setting, mend, nowMs }: { path: string; setting: string; mend: string; nowMs: number },
): Finding[] {
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(block)
  } catch {
    return [failure(`${path} (${setting}) holds a certificate that cannot be read`, mend)]
  }
  const name = certificate.subject.replaceAll('\n', ', ')
  const endMs = certificate.validToDate.getTime()
  const renew = `replace it in ${path}`
  if (endMs < nowMs)
    return [failure(`${path}: the certificate ${name} ended on ${day(endMs)}`, renew)]
  if (certificate.validFromDate.getTime() > nowMs) {
    return [
      failure(`${path}: the certificate ${name} is not valid yet`, 'set the clock, or replace it'),
    ]
  }
  const found: Finding[] = []
  if (endMs - nowMs < SOON_MS) {
    found.push(warning(`${path}: the certificate ${name} ends on ${day(endMs)}`, renew))
  }
  if (!certificate.ca) {
    found.push(
      warning(
        `${path}: ${name} is the certificate of a server, not of an authority`,
        `${renew} by that of who signed it, or it is trusted only as long as the server keeps it`,
      ),
    )
  }
  return found
}

function unreadableFinding({ path, setting, unreadable }: PemFile, uid: number): Finding {
  if (unreadable === 'EACCES' && uid !== 0) {
    return skipped(`${path} (${setting}): this user may not read it; run as the user of dfdaemon`)
  }
  const why = { ENOENT: 'does not exist', EISDIR: 'is a folder' }[unreadable ?? '']
  return failure(
    `${path} (${setting}) ${why ?? `cannot be read (${unreadable})`}`,
    `put the authority's certificate there, or mend ${setting}`,
  )
}
