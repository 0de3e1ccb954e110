import type { HostId, StripeIndex } from '@df/proto'
import type { ParentId } from './events.ts'
import { type LocationKeys, SeatIndex } from './seat-index.ts'

/**
 * Where a host is interior, that is, has child slots: one stripe; every stripe, when it holds everything;
 * none, when it may not serve, or sends too little.
 */
export type Home = StripeIndex | 'everywhere' | 'nowhere'

/** A host of the swarm, or the seed. */
export interface Peer {
  readonly host: ParentId
  readonly facts: { readonly have: number; readonly avoided: ReadonlySet<HostId> }
  readonly keys: LocationKeys
  /** `[s]`: its place in the tree of stripe s. */
  readonly places: Place[]
  home: Home
  /** Slower hosts have greater classes. */
  rateClass: number
  /** What it can send, what is asked of it now, and what it asks of each parent: bytes per second. */
  capacityBps: number
  usedBps: number
  costBps: number
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
/** Rates are guesses: a host takes this much more than it is believed to send. */
const TOLERANCE = 1.05

export interface StripeTreeOptions {
  stripe: StripeIndex
  seed: Peer
  seedSlots: number
}

/** A seat for an interior host: a free slot of `parent`, or the one that its `child` holds. */
export interface Seat {
  parent: Place
  child?: Place
}

/**
 * The tree of one stripe (a forest: complete hosts are roots beside the seed). It keeps parents, children and
 * depths, and finds the free slots nearest to a root, in the seeker's own location first; who may take which is
 * decided by its caller. Detaching a place takes all below it out of the indexes, so a seat found can never be
 * below the one who seeks it: there are no cycles by construction.
 */
export class StripeTree {
  readonly seed: Place
  readonly #stripe: StripeIndex
  readonly #seedSlots: number
  /** Of these some may hold a slot by now. */
  readonly #guests = new Set<Place>()
  readonly #withRoom = new SeatIndex<Place>()
  readonly #withLeaf = new SeatIndex<Place>()

  constructor({ stripe, seed, seedSlots }: StripeTreeOptions) {
    this.#stripe = stripe
    this.#seedSlots = seedSlots
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

  /** The place's homes, load or children changed: it is found, or not found, by what it is now. */
  refresh(place: Place): void {
    const attached = place.depth !== DETACHED
    const roomAt = attached && this.#hasRoom(place) ? place.depth : DETACHED
    if (roomAt !== place.roomAt) {
      this.#withRoom.move(place, place.roomAt, roomAt)
      place.roomAt = roomAt
    }
    const leafAt =
      attached && this.serves(place) && place.children.some((child) => !this.serves(child))
        ? place.depth
        : DETACHED
    if (leafAt !== place.leafAt) {
      this.#withLeaf.move(place, place.leafAt, leafAt)
      place.leafAt = leafAt
    }
  }

  /** As {@link refresh}, and the place comes after others of its depth: so these take children in turn. */
  requeue(place: Place): void {
    this.#withRoom.move(place, place.roomAt, DETACHED)
    place.roomAt = DETACHED
    this.refresh(place)
  }

  /** Whether the place has child slots in this stripe. */
  serves({ peer: { home } }: Place): boolean {
    return home === this.#stripe || home === 'everywhere'
  }

  /** Whether the place could take the child, or could if it had not `less` to send. */
  fits(place: Place, child: Place, less = 0): boolean {
    if (place === this.seed) return true
    const { usedBps, capacityBps } = place.peer
    return usedBps - less + child.peer.costBps <= capacityBps * TOLERANCE
  }

  /** Whether the place holds no slot: its parent serves it beyond its role, or is slower. */
  isGuest(place: Place): boolean {
    const { parent } = place
    if (parent === undefined) return false
    if (parent === this.seed) return parent.children.length > this.#seedSlots
    return !this.serves(parent) || isSlower(parent, place)
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

  /** The host in the location with a free slot nearest to a root, of those accepted. */
  findRoom(key: string, place: Place, accepts: (parent: Place) => boolean): Place | undefined {
    return this.#withRoom.find(key, (parent) => this.fits(parent, place) && accepts(parent))
  }

  /** The slot that is free, or held by a leaf that may be displaced: nearest to the place, then to a root. */
  findSeat(
    place: Place,
    accepts: (parent: Place) => boolean,
    displaces: (leaf: Place, parent: Place) => boolean,
  ): Seat | undefined {
    const takes = (parent: Place) => this.fits(parent, place) && accepts(parent)
    const leafOf = (parent: Place) =>
      parent.children.find(
        (child) =>
          !this.serves(child) &&
          this.fits(parent, place, child.peer.costBps) &&
          displaces(child, parent),
      )
    for (const key of place.peer.keys) {
      const depths = Math.max(this.#withRoom.depths(key), this.#withLeaf.depths(key))
      for (let depth = 0; depth < depths; depth++) {
        const free = this.#withRoom.findAt(key, depth, takes)
        if (free !== undefined) return { parent: free }
        const held = this.#withLeaf.findAt(
          key,
          depth,
          (parent) => accepts(parent) && leafOf(parent) !== undefined,
        )
        const leaf = held && leafOf(held)
        if (held !== undefined && leaf !== undefined) return { parent: held, child: leaf }
      }
    }
    return undefined
  }

  /** The slot nearest to the seed of an interior host that is slower. */
  findSlower(place: Place, accepts: (parent: Place, child: Place) => boolean): Seat | undefined {
    const parents = [this.seed]
    for (const parent of parents) {
      for (const child of parent.children) {
        if (!this.serves(child)) continue
        if (child.peer.rateClass <= place.peer.rateClass) parents.push(child)
        else if (this.fits(parent, place, child.peer.costBps) && accepts(parent, child)) {
          return { parent, child }
        }
      }
    }
    return undefined
  }

  #hasRoom(place: Place): boolean {
    if (place === this.seed) return place.children.length < this.#seedSlots
    return this.serves(place) && this.fits(place, place)
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

/** Whether a host waits longer for its pieces than another could. A complete one has nothing to wait for. */
export function isSlower({ peer: a }: Place, { peer: b }: Place): boolean {
  return a.home !== 'everywhere' && a.rateClass > b.rateClass
}

/** Whether the host could feed one more that is as fast as itself. */
export function hasSpace({ usedBps, costBps, capacityBps }: Peer): boolean {
  return usedBps + costBps <= capacityBps * TOLERANCE
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
