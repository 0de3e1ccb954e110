import type { Forest } from './forest.ts'
import type { SwarmOptions } from './placement-policy.ts'
import { DETACHED, isSlower, type Peer, type Place, type StripeTree } from './stripe-tree.ts'

/** Hosts are placed in this many classes by what they hold, furthest along first. */
const PROGRESS_CLASSES = 16

/** Hosts with room that are looked at for one child. */
const MOST_LOOKED_AT = 32

/** Finds parents: slots near the roots for interior hosts, the nearest left for leaves, and a way out when there is none. */
export class Placer {
  readonly #forest: Forest
  readonly #pieces: number
  /** Pieces that a parent may lack of what its child has. */
  readonly #slack: number

  constructor(forest: Forest, { stripes, pieces }: SwarmOptions) {
    this.#forest = forest
    this.#pieces = pieces
    this.#slack = Math.max(2 * stripes, Math.ceil(pieces / PROGRESS_CLASSES))
  }

  classOf(have: number): number {
    return Math.floor((PROGRESS_CLASSES * have) / Math.max(1, this.#pieces))
  }

  /**
   * Finds a parent for each of these, which are detached. Hosts of one location and rate that are equally far go
   * together, their interior hosts first, which make room for the leaves; they come after those that are ahead,
   * and of those after the faster ones, so that they cannot take their slots.
   */
  place(unplaced: ReadonlySet<Place>): void {
    const left: Place[] = []
    for (const group of this.#groups([...unplaced])) {
      const leaves: Place[] = []
      for (const place of group) {
        if (this.#forest.tree(place).serves(place)) leaves.push(...this.#seatInterior(place))
        else leaves.push(place)
      }
      for (const leaf of leaves) if (!this.#seat(leaf)) left.push(leaf)
    }
    for (const place of left) this.#squeezeIn(place)
    for (const tree of this.#forest.trees) this.#seatGuests(tree)
  }

  /** Hosts that go together, those that are ahead first, then the faster; within a group the furthest first. */
  #groups(places: Place[]): Place[][] {
    const groups: Place[][] = []
    let last: Place | undefined
    places.sort((a, b) => this.#byOrder(a.peer, b.peer) || b.peer.facts.have - a.peer.facts.have)
    for (const place of places) {
      if (last === undefined || this.#byOrder(last.peer, place.peer) !== 0) groups.push([])
      groups.at(-1)?.push(place)
      last = place
    }
    return groups
  }

  #byOrder(a: Peer, b: Peer): number {
    return (
      this.classOf(b.facts.have) - this.classOf(a.facts.have) ||
      a.rateClass - b.rateClass ||
      byName(a.keys[0] ?? '', b.keys[0] ?? '')
    )
  }

  /** Returns the host whose slot it took, if any. */
  #seatInterior(place: Place): Place[] {
    const tree = this.#forest.tree(place)
    const seat =
      tree.findSeat(
        place,
        (parent) => this.#isGood(parent, place),
        (leaf, parent) =>
          !this.#isBehind(place, leaf) && !isSlower(place, leaf) && !isFarther(place, leaf, parent),
      ) ??
      tree.findSlower(
        place,
        (parent, child) => this.#isGood(parent, place) && !this.#isBehind(place, child),
      )
    if (seat === undefined) {
      // At once, not last as leaves: the others of its class need its slots.
      this.#squeezeIn(place)
      return []
    }
    if (seat.child !== undefined) this.#forest.detach(seat.child)
    this.#forest.attach(place, seat.parent)
    return seat.child === undefined ? [] : [seat.child]
  }

  /** In each location, the narrowest first: a free slot, or a host that can do more than its role asks. */
  #seat(place: Place): boolean {
    const tree = this.#forest.tree(place)
    const good = (host: Place) => this.#isGood(host, place)
    for (const key of place.peer.keys) {
      const parent = tree.findRoom(key, place, good) ?? this.#spacious(place, key)
      if (parent === undefined) continue
      this.#forest.attach(place, parent)
      tree.noteGuest(place)
      return true
    }
    return false
  }

  /**
   * No good slot is free: the least loaded host that is good takes one child more. If there is none, a slower
   * one will do, then one that depends on an avoided host: whoever takes a living host for lost must not end up
   * above everybody. The seed is the last resort.
   */
  #squeezeIn(place: Place): void {
    const tree = this.#forest.tree(place)
    const parent =
      this.#leastLoaded(place, '', (host) => this.#isGood(host, place)) ??
      this.#leastLoaded(place, '', (host) => this.#isAllowed(host, place)) ??
      this.#leastLoaded(
        place,
        '',
        (host) => !avoids(place, host) && !this.#isBehind(host, place),
      ) ??
      tree.seed
    this.#forest.attach(place, parent)
    tree.noteGuest(place)
  }

  #leastLoaded(place: Place, key: string, accepts: (host: Place) => boolean): Place | undefined {
    const peer = this.#forest.servers.find(key, ({ places }) => {
      const candidate = places[place.stripe]
      return candidate !== undefined && candidate.depth !== DETACHED && accepts(candidate)
    })
    return peer?.places[place.stripe]
  }

  /**
   * Those that hold no slot take one that became free. From the seed they go to any good host, the newest
   * first; so one that came to the seed as it is ahead of all gets those below it that held the seed's slot.
   */
  #seatGuests(tree: StripeTree): void {
    for (const guest of tree.guests()) {
      if (!tree.isGuest(guest)) continue
      const good = (host: Place) => this.#isGood(host, guest)
      const allowed = (host: Place) => this.#isAllowed(host, guest)
      const parent =
        this.#roomNearby(tree, guest, good) ??
        (guest.parent === tree.seed ? this.#leastLoaded(guest, '', allowed) : undefined)
      if (parent === undefined) continue
      this.#forest.detach(guest)
      this.#forest.attach(guest, parent)
      tree.noteGuest(guest)
    }
  }

  /** A good host that could feed the place beside those that it feeds, one of the least loaded. */
  #spacious(place: Place, key: string): Place | undefined {
    const tree = this.#forest.tree(place)
    let looks = MOST_LOOKED_AT
    const peer = this.#forest.spacious.find(key, ({ places }) => {
      const host = places[place.stripe]
      if (host === undefined || host.depth === DETACHED) return false
      return looks-- <= 0 || (tree.fits(host, place) && this.#isGood(host, place))
    })
    return looks < 0 ? undefined : peer?.places[place.stripe]
  }

  #roomNearby(tree: StripeTree, place: Place, accepts: (host: Place) => boolean) {
    for (const key of place.peer.keys) {
      const parent = tree.findRoom(key, place, accepts)
      if (parent !== undefined) return parent
    }
    return undefined
  }

  /** Whether nothing speaks against the parent: it is allowed, and not slower. */
  #isGood(parent: Place, place: Place): boolean {
    return !isSlower(parent, place) && this.#isAllowed(parent, place)
  }

  /** Whether the parent is not behind, and nobody on the way up is avoided, or the place itself. */
  #isAllowed(parent: Place, place: Place): boolean {
    if (this.#isBehind(parent, place)) return false
    for (let at: Place | undefined = parent; at !== undefined; at = at.parent) {
      if (at === place || avoids(place, at)) return false
    }
    return true
  }

  /**
   * Whether a host would slow another down by being its parent. Reports are up to a second old and hosts of
   * one age differ by some pieces, so only a difference of a class counts: it costs that share of the time at most.
   */
  #isBehind(parent: Place, child: Place): boolean {
    return child.peer.facts.have - parent.peer.facts.have > this.#slack
  }
}

/** Whether the place shares less of the parent's location than the other does. */
function isFarther(place: Place, other: Place, parent: Place): boolean {
  return nearness(place, parent) < nearness(other, parent)
}

function nearness({ peer: a }: Place, { peer: b }: Place): number {
  if (a.keys.length === 1 || b.keys.length === 1) return 0
  return a.keys.length - a.keys.findIndex((key) => b.keys.includes(key))
}

function byName(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1
}

function avoids({ peer }: Place, { peer: { host } }: Place): boolean {
  return host !== 'seed' && peer.facts.avoided.has(host)
}
