import { backoffMs, sleep } from '@df/kit'
import { type AppError, isAppError, toAppError } from '@df/proto'

/** How often something is tried that fails for a while, and the pauses between. */
export interface RetryPolicy {
  tries: number
  baseMs: number
  maxMs: number
}

export interface PersistenceOptions {
  policy: RetryPolicy
  /** Whether the job came with secrets that a restart has lost. */
  hasLostSecrets(): boolean
  /** Something waits for the secrets to come again. */
  onWaiting(): void
}

export interface AttemptOptions {
  signal: AbortSignal
  /** A number that grows when an attempt got somewhere; the count of tries then starts again. */
  progress?(): number
  /** The origin did not take the credentials: true when another try may have better ones. */
  renewed?(): boolean
}

/** Tries again what fails for a while; waits for lost secrets to come again, and holds nothing meanwhile. */
export class Persistence {
  readonly #options: PersistenceOptions
  #secretsCame = new AbortController()

  constructor(options: PersistenceOptions) {
    this.#options = options
  }

  /** @throws the last error, an AppError; the signal's reason when aborted */
  async attempt<T>(work: () => Promise<T>, options: AttemptOptions): Promise<T> {
    const { signal, progress = () => 0 } = options
    const { policy, hasLostSecrets } = this.#options
    let tries = 0
    for (;;) {
      const before = progress()
      try {
        signal.throwIfAborted()
        return await work()
      } catch (cause) {
        signal.throwIfAborted()
        const error = toAppError(cause)
        const hasMoved = progress() > before
        if (isAboutRights(error) && hasLostSecrets()) {
          await this.#secrets(signal)
          tries = 0
          continue
        }
        tries = hasMoved ? 1 : tries + 1
        if (tries >= policy.tries) throw error
        // A token that ended while it was used is no refusal, if another one gets further.
        const isStale = isAppError(error, 'ORIGIN_UNAUTHORIZED') && (tries === 1 || hasMoved)
        if (isStale && options.renewed?.() === true) continue
        // A disk that is full stays so until somebody makes room, which may be never.
        if (!error.retryable || error.code === 'DISK_FULL') throw error
        const pauseMs = backoffMs(tries - 1, { ...policy, random: Math.random })
        await sleep(Math.max(pauseMs, retryAfterMs(error, policy)), signal)
      }
    }
  }

  /** What waits for secrets goes on. */
  secretsCame(): void {
    this.#secretsCame.abort()
    this.#secretsCame = new AbortController()
  }

  async #secrets(signal: AbortSignal): Promise<void> {
    this.#options.onWaiting()
    const either = AbortSignal.any([this.#secretsCame.signal, signal])
    await new Promise<void>((resolve) => {
      either.addEventListener('abort', () => resolve(), { once: true })
    })
    signal.throwIfAborted()
  }
}

function isAboutRights({ code }: AppError): boolean {
  return (
    code === 'ORIGIN_UNAUTHORIZED' || code === 'ORIGIN_FORBIDDEN' || code === 'ORIGIN_NOT_FOUND'
  )
}

/** Retry-After in seconds (RFC 9110 §10.2.3), within reason. */
function retryAfterMs(error: AppError, { maxMs }: RetryPolicy): number {
  const seconds = Number(error.detail['retryAfter'])
  return Number.isFinite(seconds) ? Math.min(seconds * 1000, maxMs) : 0
}
