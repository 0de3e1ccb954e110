/**
 * One thing that goes wrong. The first rule whose `match` fits and which has `times` left is applied; its other
 * fields may be combined. All sizes count bytes of the body of that one answer.
 */
export interface FaultRule {
  /** Regular expression, tried on `METHOD /path?query`. */
  match: string
  /** How often it strikes; always when absent. */
  times?: number
  /** Waits before anything is sent. */
  delayMs?: number
  /** Takes the request and never answers. */
  hang?: boolean
  /** Cuts the connection without an answer. */
  reset?: boolean
  /** Answers this instead, with `body` or an OCI error, and with `headers`. */
  status?: number
  body?: string
  /** Added to the answer, or replacing what is there; null takes a header away. */
  headers?: Record<string, string | null>
  /** 307 to this base URL and the same path; `loop` is a redirect to the very same URL. */
  redirect?: string
  /** Cuts the connection after so many bytes of the body. */
  truncateAt?: number
  /** Goes silent after so many bytes of the body: for `stallMs`, or for good. */
  stallAt?: number
  stallMs?: number
  /** Flips the bits of this byte of the body. */
  corruptAt?: number
  /** Sends the body no faster than so many bytes per second. */
  bps?: number
  /** Ignores `Range`: 200 with the whole content. */
  noRange?: boolean
  /** Leaves `Content-Length` out, so that the answer is chunked. */
  noLength?: boolean
}

/** The rules of one server; may be changed while it runs. */
export class FaultRules {
  #rules: FaultRule[] = []

  constructor(rules: readonly FaultRule[] = []) {
    this.set(...rules)
  }

  /** Replaces all rules. */
  set(...rules: readonly FaultRule[]): void {
    for (const rule of rules) new RegExp(rule.match)
    this.#rules = rules.map((rule) => ({ ...rule }))
  }

  clear(): void {
    this.#rules = []
  }

  /** The rules as they stand, with what is left of `times`. */
  list(): readonly FaultRule[] {
    return this.#rules
  }

  /** The rule that strikes this request, and counts it; undefined when none does. */
  strike(method: string, url: string): FaultRule | undefined {
    const rule = this.#rules.find(
      ({ match, times }) => (times ?? 1) > 0 && new RegExp(match).test(`${method} ${url}`),
    )
    if (rule?.times !== undefined) rule.times--
    return rule
  }
}
