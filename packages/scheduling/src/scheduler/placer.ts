import type { Forest } from './forest.ts'
import type { SwarmOptions } from './placement-policy.ts'
import { DETACHED, type Place, type StripeTree } from './stripe-tree.ts'

/** Hosts are placed in this many classes by what they hold, furthest along first. */
const PROGRESS_CLASSES = 16

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
   * Finds a parent for each of these, which are detached. Of one class, interior hosts go first and make room
   * for its leaves; a class comes after those ahead of it, so that it cannot take their slots.
   */
  place(unplaced: ReadonlySet<Place>): void {
    const furthestFirst = [...unplaced].sort((a, b) => b.peer.facts.have - a.peer.facts.have)
    const left: Place[] = []
    for (let next = 0; next < furthestFirst.length; ) {
      const classNow = this.classOf(furthestFirst[next]?.peer.facts.have ?? 0)
      const leaves: Place[] = []
      for (; next < furthestFirst.length; next++) {
        const place = furthestFirst[next]
        if (place === undefined || this.classOf(place.peer.facts.have) !== classNow) break
        if (this.#forest.tree(place).serves(place)) leaves.push(...this.#seatInterior(place))
        else leaves.push(place)
      }
      left.push(...leaves.filter((leaf) => !this.#seat(leaf)))
    }
    for (const place of left) this.#squeezeIn(place)
    for (const tree of this.#forest.trees) this.#seatGuests(tree)
  }

  /** Returns the leaf whose slot it took, if any. */
  #seatInterior(place: Place): Place[] {
    const seat = this.#forest.tree(place).findSeat(
      (parent) => this.#isGood(parent, place),
      (leaf) => !this.#isBehind(place, leaf),
    )
    if (seat === undefined) {
      // At once, not last as leaves: the others of its class need its slots.
      this.#squeezeIn(place)
      return []
    }
    if (seat.leaf !== undefined) this.#forest.detach(seat.leaf)
    this.#forest.attach(place, seat.parent)
    return seat.leaf === undefined ? [] : [seat.leaf]
  }

  #seat(place: Place): boolean {
    const parent = this.#forest.tree(place).findRoom((host) => this.#isGood(host, place))
    if (parent !== undefined) this.#forest.attach(place, parent)
    return parent !== undefined
  }

  /**
   * No good slot is free: the least loaded host that is good takes one child more. If there is none, one that
   * depends on an avoided host will do: whoever takes a living host for lost must not end up above everybody.
   * The seed is the last resort.
   */
  #squeezeIn(place: Place): void {
    const tree = this.#forest.tree(place)
    const parent =
      this.#leastLoaded(place, (host) => this.#isGood(host, place)) ??
      this.#leastLoaded(place, (host) => !avoids(place, host) && !this.#isBehind(host, place)) ??
      tree.seed
    this.#forest.attach(place, parent)
    tree.noteGuest(place)
  }

  #leastLoaded(place: Place, accepts: (host: Place) => boolean): Place | undefined {
    const peer = this.#forest.servers.find(({ places }) => {
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
      const fromSeed = guest.parent === tree.seed
      const parent = tree.findRoom(good) ?? (fromSeed ? this.#leastLoaded(guest, good) : undefined)
      if (parent === undefined) continue
      this.#forest.detach(guest)
      this.#forest.attach(guest, parent)
      tree.noteGuest(guest)
    }
  }

  /** Whether nothing speaks against the parent: it is not behind, and nobody on the way up is avoided, or the place itself. */
  #isGood(parent: Place, place: Place): boolean {
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

function avoids({ peer }: Place, { peer: { host } }: Place): boolean {
  return host !== 'seed' && peer.facts.avoided.has(host)
}
