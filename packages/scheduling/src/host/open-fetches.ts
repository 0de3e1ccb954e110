import type { HostId, PieceIndex, PiecePriority } from '@df/proto'

/** One request for a piece. Known by identity: what was given out is what is handed back. */
export interface Fetch {
  readonly index: PieceIndex
  readonly from: HostId
  readonly priority: PiecePriority
}

/** The requests a task has open: few per stripe, so they are searched, not indexed. */
export class OpenFetches {
  readonly #byStripe: Fetch[][]
  readonly #repairs: Fetch[] = []

  constructor(stripes: number) {
    this.#byStripe = Array.from({ length: stripes }, () => [])
  }

  /** Open requests of the stripe that are no repairs. */
  inStripe(stripe: number): readonly Fetch[] {
    return this.#byStripe[stripe] ?? []
  }

  get repairs(): readonly Fetch[] {
    return this.#repairs
  }

  add(request: Fetch): void {
    this.#listOf(request).push(request)
  }

  /** Gives false when it was not open. */
  remove(request: Fetch): boolean {
    const list = this.#listOf(request)
    const at = list.indexOf(request)
    if (at < 0) return false
    list.splice(at, 1)
    return true
  }

  isAsked(index: PieceIndex): boolean {
    return isIn(this.inStripe(index % this.#byStripe.length), index) || this.isRepaired(index)
  }

  isRepaired(index: PieceIndex): boolean {
    return isIn(this.#repairs, index)
  }

  /** Whether this host is asked for this piece. */
  isAskedAt(index: PieceIndex, host: HostId): boolean {
    for (const request of this.inStripe(index % this.#byStripe.length)) {
      if (request.index === index && request.from === host) return true
    }
    for (const request of this.#repairs) {
      if (request.index === index && request.from === host) return true
    }
    return false
  }

  /** Takes out the requests that `matches` and gives them. */
  takeOut(matches: (request: Fetch) => boolean): Fetch[] {
    const taken: Fetch[] = []
    for (const list of this.#byStripe) takeFrom(list, matches, taken)
    takeFrom(this.#repairs, matches, taken)
    return taken
  }

  /** Takes out the requests for a piece and gives them. */
  takePiece(index: PieceIndex): readonly Fetch[] {
    const list = this.#byStripe[index % this.#byStripe.length] ?? []
    if (!isIn(list, index) && !this.isRepaired(index)) return none
    const taken: Fetch[] = []
    const matches = (request: Fetch) => request.index === index
    takeFrom(list, matches, taken)
    takeFrom(this.#repairs, matches, taken)
    return taken
  }

  #listOf({ index, priority }: Fetch): Fetch[] {
    if (priority === 'repair') return this.#repairs
    return this.#byStripe[index % this.#byStripe.length] ?? []
  }
}

const none: readonly Fetch[] = Object.freeze([])

function isIn(list: readonly Fetch[], index: PieceIndex): boolean {
  for (const request of list) if (request.index === index) return true
  return false
}

function takeFrom(list: Fetch[], matches: (request: Fetch) => boolean, taken: Fetch[]): void {
  for (let at = list.length - 1; at >= 0; at--) {
    const request = list[at]
    if (request === undefined || !matches(request)) continue
    list.splice(at, 1)
    taken.push(request)
  }
}
