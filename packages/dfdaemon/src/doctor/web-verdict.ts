import { type Finding, failure, warning } from './check.ts'
import type { ServerCertificate, WebFacts } from './web-probe.ts'

const SOON_MS = 14 * 24 * 3600 * 1000

/** What to do about a server, in the words of who asks it. */
export interface Mends {
  /** When the name is not found. */
  name: string
  /** When nothing listens. */
  start: string
  /** When its certificate is not trusted. */
  authority: string
  /** Who runs the server, to give it another certificate. */
  certificate: string
  /** Where its address is written. */
  address: string
}

/** What is wrong with the way to a server; undefined when it answered and its certificate is trusted. */
export function unreachable(facts: WebFacts, mends: Mends): Finding | undefined {
  const { url, failure: failed, certificate } = facts
  const { hostname, port, protocol, host } = new URL(url)
  if (certificate?.untrusted !== undefined) {
    return distrust(hostname, { ...certificate, code: certificate.untrusted }, mends)
  }
  if (failed === undefined) return undefined
  const { stage, code } = failed
  const portNumber = port || (protocol === 'https:' ? '443' : '80')
  switch (stage) {
    case 'name':
      return failure(`${hostname}: the name cannot be resolved (${code})`, mends.name)
    case 'connect':
      return code === 'ECONNREFUSED'
        ? failure(`${host}: nothing listens there`, mends.start)
        : failure(
            `${host}: no connection (${code})`,
            `open TCP port ${portNumber} from this host to ${hostname}, or mend ${mends.address}`,
          )
    case 'tls':
      return isNoTls(code)
        ? failure(`${host}: speaks no TLS`, `write http:// in ${mends.address}`)
        : failure(`${host}: no TLS connection (${code})`, mends.certificate)
    case 'answer':
      return protocol === 'http:' && (code === 'ECONNRESET' || code.startsWith('HPE_'))
        ? failure(`${host}: speaks no plain HTTP (${code})`, `write https:// in ${mends.address}`)
        : failure(`${host}: takes the connection but does not answer (${code})`, mends.start)
  }
}

/** A certificate that ends soon. */
export function expiring(facts: WebFacts, mends: Mends, nowMs = Date.now()): Finding[] {
  const { certificate, url } = facts
  if (certificate === undefined || certificate.validToMs - nowMs > SOON_MS) return []
  const until = day(certificate.validToMs)
  return [warning(`${new URL(url).host}: its certificate ends on ${until}`, mends.certificate)]
}

export function day(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 10)
}

function distrust(
  host: string,
  { code, names, issuer, validToMs }: ServerCertificate & { code: string },
  mends: Mends,
): Finding {
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return failure(`${host}: its certificate ended on ${day(validToMs)}`, mends.certificate)
    case 'CERT_NOT_YET_VALID':
      return failure(
        `${host}: its certificate is not valid yet`,
        'set the clock of this host (timedatectl set-ntp true), or that of who issued it',
      )
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return failure(
        `${host}: its certificate is for ${names}`,
        `use one of these names in ${mends.address}, or have it issued for ${host}`,
      )
    default:
      return failure(
        `${host}: its certificate, by ${issuer}, is not trusted (${code})`,
        mends.authority,
      )
  }
}

function isNoTls(code: string): boolean {
  return (
    code === 'EPROTO' ||
    code.startsWith('ERR_SSL_WRONG_VERSION') ||
    code === 'ERR_SSL_PACKET_LENGTH_TOO_LONG'
  )
}
