import type { IncomingHttpHeaders } from 'node:http'
import type { FaultRule } from './faults.ts'

export interface RequestEntry {
  /** Milliseconds since the server started. */
  atMs: number
  method: string
  /** Path and query, as received. */
  url: string
  headers: IncomingHttpHeaders
  /** Tells connections apart. */
  remotePort: number
  /** Undefined while there is no answer, or if there never was one. */
  status?: number
  /** Bytes of the body given to the socket. */
  sentBytes: number
  /** Undefined while the answer goes on. */
  durationMs?: number
  /** Whether the whole answer went out. */
  complete: boolean
  fault?: FaultRule
}

/** What a server was asked, in order. */
export class RequestLog {
  #entries: RequestEntry[] = []
  readonly #startMs = performance.now()

  get entries(): readonly RequestEntry[] {
    return this.#entries
  }

  /** Entries whose `METHOD url` fits. */
  matching(pattern: RegExp): RequestEntry[] {
    return this.#entries.filter(({ method, url }) => pattern.test(`${method} ${url}`))
  }

  /** Bytes of bodies sent for requests that fit; of all without a pattern. */
  sentBytes(pattern = /^/): number {
    return this.matching(pattern).reduce((sum, { sentBytes }) => sum + sentBytes, 0)
  }

  clear(): void {
    this.#entries = []
  }

  add(request: Pick<RequestEntry, 'method' | 'url' | 'headers' | 'remotePort'>): RequestEntry {
    const entry: RequestEntry = { ...request, atMs: this.now(), sentBytes: 0, complete: false }
    this.#entries.push(entry)
    return entry
  }

  now(): number {
    return Math.round(performance.now() - this.#startMs)
  }
}
