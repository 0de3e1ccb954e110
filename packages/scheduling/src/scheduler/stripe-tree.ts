import type { HostId, StripeIndex } from '@df/proto'
import type { ParentId } from './events.ts'

/**
 * Where a host is interior, that is, has child slots: one stripe; every stripe, when it holds everything;
 * none, when it may not serve.
 */
export type Home = StripeIndex | 'everywhere' | 'nowhere'

/** A host of the swarm, or the seed. */
export interface Peer {
  readonly host: ParentId
  readonly facts: { readonly have: number; readonly avoided: ReadonlySet<HostId> }
  /** `[s]`: its place in the tree of stripe s. */
  readonly places: Place[]
  home: Home
  /** Its children in all stripes. */
  load: number
}

/** A host's place in one stripe. Without a parent it is a root, or waits to be placed. */
export interface Place {
  readonly peer: Peer
  readonly stripe: StripeIndex
  parent: Place | undefined
  readonly children: Place[]
  /** Hops from the content: {@link ROOT_DEPTH} for a complete host; {@link DETACHED} when no root is above. */
  depth: number
  /** Depths under which it stands in the indexes, DETACHED for not there. */
  roomAt: number
  leafAt: number
}

export const DETACHED = -1
const ROOT_DEPTH = 0
/** Below complete hosts, so that those are preferred. */
const SEED_DEPTH = 1

/** Places by depth, each depth in order of entry. */
type DepthIndex = Set<Place>[]

export interface StripeTreeOptions {
  stripe: StripeIndex
  seed: Peer
  seedSlots: number
  /** Children a host may have in all stripes. */
  slots: number
}

/** A seat for an interior host: a free slot of `parent`, or the one that `leaf` holds. */
export interface Seat {
  parent: Place
  leaf?: Place
}

/**
 * The tree of one stripe (a forest: complete hosts are roots beside the seed). It keeps parents, children and
 * depths, and finds the free slots nearest to a root; who may take which is decided by its caller.
 * Detaching a place takes all below it out of the indexes, so a seat found can never be below the one who
 * seeks it: there are no cycles by construction.
 */
export class StripeTree {
  readonly seed: Place
  readonly #stripe: StripeIndex
  readonly #seedSlots: number
  readonly #slots: number
  /** Of these some may hold a slot by now. */
  readonly #guests = new Set<Place>()
  readonly #withRoom: DepthIndex = []
  readonly #withLeaf: DepthIndex = []

  constructor({ stripe, seed, seedSlots, slots }: StripeTreeOptions) {
    this.#stripe = stripe
    this.#seedSlots = seedSlots
    this.#slots = slots
    this.seed = createPlace(seed, stripe)
    seed.places[stripe] = this.seed
    this.#setDepth(this.seed, SEED_DEPTH)
  }

  /** Puts a place, with all that hangs on it, under an attached one. */
  attach(place: Place, parent: Place): void {
    place.parent = parent
    parent.children.push(place)
    this.#setDepth(place, parent.depth + 1)
    this.refresh(parent)
  }

  /** Takes a place, with all that hangs on it, from its parent. */
  detach(place: Place): void {
    const { parent } = place
    if (parent === undefined) return
    parent.children.splice(parent.children.indexOf(place), 1)
    place.parent = undefined
    this.#setDepth(place, DETACHED)
    this.refresh(parent)
  }

  /** Makes a place without parent a root. */
  plant(place: Place): void {
    this.#setDepth(place, ROOT_DEPTH)
  }

  /** Takes a root out of the tree. */
  uproot(place: Place): void {
    this.#setDepth(place, DETACHED)
  }

  /** The place's home, load or children changed: it is found, or not found, by what it is now. */
  refresh(place: Place): void {
    const attached = place.depth !== DETACHED
    const roomAt = attached && this.#hasRoom(place) ? place.depth : DETACHED
    if (roomAt !== place.roomAt) {
      this.#withRoom[place.roomAt]?.delete(place)
      place.roomAt = roomAt
      enter(this.#withRoom, roomAt, place)
    }
    const leafAt =
      attached && this.serves(place) && place.children.some((child) => !this.serves(child))
        ? place.depth
        : DETACHED
    if (leafAt !== place.leafAt) {
      this.#withLeaf[place.leafAt]?.delete(place)
      place.leafAt = leafAt
      enter(this.#withLeaf, leafAt, place)
    }
  }

  /** As {@link refresh}, and the place comes after others of its depth: so these take children in turn. */
  requeue(place: Place): void {
    this.#withRoom[place.roomAt]?.delete(place)
    place.roomAt = DETACHED
    this.refresh(place)
  }

  /** Whether the place has child slots in this stripe. */
  serves(place: Place): boolean {
    const { home } = place.peer
    return home === this.#stripe || home === 'everywhere'
  }

  /** Whether the place holds no slot: its parent serves it beyond its role. */
  isGuest({ parent }: Place): boolean {
    if (parent === undefined) return false
    return parent === this.seed ? parent.children.length > this.#seedSlots : !this.serves(parent)
  }

  /** Tells that a place was attached to one that may have no slot for it. */
  noteGuest(place: Place): void {
    if (this.isGuest(place)) this.#guests.add(place)
  }

  /** All guests. When the seed has too many children, each of them may be the one that is too much. */
  guests(): Place[] {
    for (const place of this.#guests) if (!this.isGuest(place)) this.#guests.delete(place)
    if (this.seed.children.length <= this.#seedSlots) return [...this.#guests]
    return [...new Set([...this.#guests, ...this.seed.children.toReversed()])]
  }

  /** The host with a free slot nearest to a root, of those accepted. */
  findRoom(accepts: (parent: Place) => boolean): Place | undefined {
    for (const row of this.#withRoom) {
      for (const parent of row) if (accepts(parent)) return parent
    }
    return undefined
  }

  /** The slot nearest to a root that is free, or held by a leaf that may be displaced. */
  findSeat(
    accepts: (parent: Place) => boolean,
    displaces: (leaf: Place) => boolean,
  ): Seat | undefined {
    const depths = Math.max(this.#withRoom.length, this.#withLeaf.length)
    for (let depth = 0; depth < depths; depth++) {
      for (const parent of this.#withRoom[depth] ?? []) if (accepts(parent)) return { parent }
      for (const parent of this.#withLeaf[depth] ?? []) {
        if (!accepts(parent)) continue
        const leaf = parent.children.find((child) => !this.serves(child) && displaces(child))
        if (leaf !== undefined) return { parent, leaf }
      }
    }
    return undefined
  }

  #hasRoom(place: Place): boolean {
    if (place === this.seed) return place.children.length < this.#seedSlots
    return this.serves(place) && place.peer.load < this.#slots
  }

  #setDepth(top: Place, depth: number): void {
    top.depth = depth
    const stack = [top]
    for (let place = stack.pop(); place !== undefined; place = stack.pop()) {
      this.refresh(place)
      for (const child of place.children) {
        child.depth = place.depth === DETACHED ? DETACHED : place.depth + 1
        stack.push(child)
      }
    }
  }
}

export function createPlace(peer: Peer, stripe: StripeIndex): Place {
  return {
    peer,
    stripe,
    parent: undefined,
    children: [],
    depth: DETACHED,
    roomAt: DETACHED,
    leafAt: DETACHED,
  }
}

function enter(index: DepthIndex, depth: number, place: Place): void {
  if (depth === DETACHED) return
  while (index.length <= depth) index.push(new Set())
  index[depth]?.add(place)
}
