import { readFile, writeFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { runOk } from './command.ts'

export interface TestCa {
  /** PEM, and the file that holds it. */
  certificate: string
  certificatePath: string
  /** Authorities of the system and this one, in one file: for SSL_CERT_FILE. */
  bundlePath: string
  /** A certificate for a server of these names and addresses. */
  issue(...names: readonly [string, ...string[]]): Promise<IssuedCertificate>
  /** One that ended yesterday. */
  issueExpired(...names: readonly [string, ...string[]]): Promise<IssuedCertificate>
}

export interface IssuedCertificate {
  key: string
  cert: string
  keyPath: string
  certPath: string
}

const keyOptions = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
const systemBundle = '/etc/ssl/certs/ca-certificates.crt'

/** A throw-away certificate authority in `directory`; openssl makes it. */
export async function makeCa(directory: string): Promise<TestCa> {
  const at = (name: string) => join(directory, name)
  const [keyPath, certificatePath, bundlePath] = [at('ca.key'), at('ca.crt'), at('bundle.crt')]
  const subject = ['-subj', '/CN=dragonfly test CA', '-days', '30']
  await runOk([
    'openssl',
    'req',
    '-x509',
    ...keyOptions,
    ...subject,
    '-keyout',
    keyPath,
    '-out',
    certificatePath,
  ])
  const certificate = await readFile(certificatePath, 'utf8')
  const system = await readFile(systemBundle, 'utf8').catch(() => '')
  await writeFile(bundlePath, system + certificate)

  let issued = 0
  async function issueFor(
    days: number,
    names: readonly [string, ...string[]],
  ): Promise<IssuedCertificate> {
    const stem = at(`server-${issued++}`)
    const [key, request, cert, extensions] = [
      `${stem}.key`,
      `${stem}.csr`,
      `${stem}.crt`,
      `${stem}.ext`,
    ]
    const alternatives = names.map((name) => `${isIP(name) ? 'IP' : 'DNS'}:${name}`).join(',')
    await writeFile(extensions, `subjectAltName=${alternatives}\nextendedKeyUsage=serverAuth\n`)
    const name = ['-subj', `/CN=${names[0]}`, '-keyout', key, '-out', request]
    await runOk(['openssl', 'req', ...keyOptions, ...name])
    const issuer = ['-CA', certificatePath, '-CAkey', keyPath, '-CAcreateserial']
    const terms = ['-days', String(days), '-extfile', extensions]
    await runOk(['openssl', 'x509', '-req', '-in', request, '-out', cert, ...issuer, ...terms])
    return {
      key: await readFile(key, 'utf8'),
      cert: await readFile(cert, 'utf8'),
      keyPath: key,
      certPath: cert,
    }
  }
  return {
    certificate,
    certificatePath,
    bundlePath,
    issue: (...names) => issueFor(30, names),
    issueExpired: (...names) => issueFor(-1, names),
  }
}
