import { isAppError } from '@df/proto'
import type { HostAndPort } from './host-pattern.ts'
import type { Outgoing } from './outgoing.ts'

const TRUSTED_MS = 600_000
const UNTRUSTED_MS = 60_000
const MAX_ENTRIES = 500

/**
 * Whether this host itself trusts the certificate of an origin. Where it does not, TLS is not opened: the caller may know
 * better, and must see the certificate to decide.
 */
export class OriginTrust {
  readonly #outgoing: Outgoing
  readonly #verdicts = new Map<string, { trusted: boolean; expiryMs: number }>()

  constructor(outgoing: Outgoing) {
    this.#outgoing = outgoing
    // Any later handshake is news too: the origin may have got another certificate.
    outgoing.watchHandshakes((at, trusted) => this.#remember(at, trusted))
  }

  /**
   * Asks the origin when nothing was heard of it a short time ago; `isNews`: it was asked.
   * @throws AppError ORIGIN_UNREACHABLE, ORIGIN_STALLED
   */
  async check(at: HostAndPort): Promise<{ trusted: boolean; isNews: boolean }> {
    const known = this.#verdicts.get(keyOf(at))
    if (known !== undefined && known.expiryMs > performance.now()) {
      return { trusted: known.trusted, isNews: false }
    }
    return { trusted: await this.#ask(at), isNews: true }
  }

  async #ask(at: HostAndPort): Promise<boolean> {
    try {
      const socket = await this.#outgoing.connectTls(at)
      socket.on('error', () => {}) // it did its part
      socket.destroy()
      return true
    } catch (error) {
      if (isAppError(error, 'ORIGIN_TLS')) return false
      throw error
    }
  }

  #remember(at: HostAndPort, trusted: boolean): void {
    const expiryMs = performance.now() + (trusted ? TRUSTED_MS : UNTRUSTED_MS)
    this.#verdicts.delete(keyOf(at)) // to be the youngest
    this.#verdicts.set(keyOf(at), { trusted, expiryMs })
    const [oldest] = this.#verdicts.keys()
    if (this.#verdicts.size > MAX_ENTRIES && oldest !== undefined) this.#verdicts.delete(oldest)
  }
}

function keyOf({ host, port }: HostAndPort): string {
  return `${host}:${port}`
}
