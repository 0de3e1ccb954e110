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
  }

  /** Asks the origin when it was not asked a short time ago. @throws AppError ORIGIN_UNREACHABLE, ORIGIN_STALLED */
  async check(at: HostAndPort): Promise<{ trusted: boolean; isNews: boolean }> {
    const key = `${at.host}:${at.port}`
    const known = this.#verdicts.get(key)
    if (known !== undefined && known.expiryMs > performance.now()) {
      return { trusted: known.trusted, isNews: false }
    }
    const trusted = await this.#ask(at)
    this.#verdicts.delete(key) // to be the youngest
    this.#verdicts.set(key, {
      trusted,
      expiryMs: performance.now() + (trusted ? TRUSTED_MS : UNTRUSTED_MS),
    })
    const [oldest] = this.#verdicts.keys()
    if (this.#verdicts.size > MAX_ENTRIES && oldest !== undefined) this.#verdicts.delete(oldest)
    return { trusted, isNews: true }
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
}
