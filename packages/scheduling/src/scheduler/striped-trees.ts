import type { HostId, StripeIndex } from '@df/proto'
import type { ParentId } from './events.ts'
import { Forest } from './forest.ts'
import type { Swarm, SwarmMember, SwarmOptions } from './placement-policy.ts'
import { Placer } from './placer.ts'
import { rateClassOf } from './rate-class.ts'
import { keysOf } from './seat-index.ts'
import type { Peer, Place } from './stripe-tree.ts'
import { Supply } from './supply.ts'

/** Content of one stripe is small: depth counts, not bandwidth, and each host takes this many children. */
const SINGLE_STRIPE_CHILDREN = 4
/** A host is moved when it turns out to be slower by this many classes (0.66 ×); less is noise. */
const MOVING_CLASSES = 3
/** A host that is asked for so many times what it turned out to send gives children away. */
const OVERLOAD = 1.15

interface TreePeer extends Peer {
  readonly facts: SwarmMember
  /** As of the last update. */
  complete: boolean
  serving: boolean
}

/**
 * The scheduling study's algorithm, §5 (docs/adr/0002-striped-trees.md): k stripes, each a tree from the seed; a
 * host is interior in one of them, with as many child slots as it can feed, and a leaf in the others, so it
 * sends as much as it receives. Slower hosts stand below faster ones, those of a location below each other.
 * Complete hosts are roots beside the seed.
 */
export function stripedTrees(options: SwarmOptions): Swarm {
  return new StripedTrees(options)
}

/** Which role each host has; the {@link Placer} finds the parents. */
class StripedTrees implements Swarm {
  readonly #stripes: number
  readonly #forest: Forest
  readonly #placer: Placer
  readonly #supply: Supply
  readonly #peers = new Map<HostId, TreePeer>()
  #typicalBps: number

  constructor(options: SwarmOptions) {
    this.#stripes = options.stripes
    this.#typicalBps = options.typicalBps
    this.#forest = new Forest(options)
    this.#placer = new Placer(this.#forest, options)
    this.#supply = new Supply(options.stripes)
  }

  add(members: readonly SwarmMember[]): void {
    const unplaced = new Set<Place>()
    const peers = members.map((member) => this.#enter(member, unplaced))
    // Roles are dealt class by class, so that each class has slots of its own in every stripe.
    peers.sort(
      (a, b) =>
        this.#placer.classOf(b.facts.have) - this.#placer.classOf(a.facts.have) ||
        a.rateClass - b.rateClass,
    )
    for (const peer of peers) if (peer.facts.serving) this.#startServing(peer, unplaced)
    this.#placer.place(unplaced)
  }

  remove(member: SwarmMember): void {
    const peer = this.#peers.get(member.host)
    if (peer === undefined) return
    const unplaced = new Set<Place>()
    if (peer.serving) this.#stopServing(peer, unplaced)
    for (const place of peer.places) {
      this.#forest.detach(place)
      // Its own parent may just have been given another role.
      unplaced.delete(place)
    }
    this.#peers.delete(member.host)
    this.#placer.place(unplaced)
  }

  update(member: SwarmMember): void {
    const peer = this.#peers.get(member.host)
    if (peer === undefined) return
    const unplaced = new Set<Place>()
    if (peer.serving && !member.serving) this.#stopServing(peer, unplaced)
    if (!peer.complete && member.complete) this.#finish(peer)
    this.#reviewRates(peer, unplaced)
    if (!peer.serving && member.serving) this.#startServing(peer, unplaced)
    for (const place of peer.places) {
      const parent = place.parent?.peer.host
      if (parent === undefined || parent === 'seed' || !member.avoided.has(parent)) continue
      this.#forest.detach(place)
      unplaced.add(place)
    }
    this.#placer.place(unplaced)
  }

  setTypical(bps: number): void {
    this.#typicalBps = bps
    for (const peer of this.#peers.values()) {
      if (peer.facts.downBps === undefined || peer.facts.upBps === undefined) {
        this.#forest.setRates(peer, this.#ratesOf(peer.facts))
      }
    }
  }

  parentsOf(member: SwarmMember): ParentId[] {
    const places = this.#peers.get(member.host)?.places ?? []
    return places.flatMap(({ parent }) => (parent === undefined ? [] : [parent.peer.host]))
  }

  childrenOf(member: SwarmMember): number {
    return this.#peers.get(member.host)?.load ?? 0
  }

  takeChanged(): HostId[] {
    return this.#forest.takeChanged()
  }

  #enter(member: SwarmMember, unplaced: Set<Place>): TreePeer {
    const peer: TreePeer = {
      host: member.host,
      facts: member,
      keys: keysOf(member.location),
      places: [],
      home: 'nowhere',
      ...this.#ratesOf(member),
      usedBps: 0,
      load: 0,
      complete: member.complete,
      serving: false,
    }
    this.#forest.addPlaces(peer)
    this.#peers.set(member.host, peer)
    if (!peer.complete) for (const place of peer.places) unplaced.add(place)
    return peer
  }

  #ratesOf({ downBps, upBps }: SwarmMember) {
    const down = downBps ?? this.#typicalBps
    const up = upBps ?? down
    const costBps = down / this.#stripes
    return {
      rateClass: rateClassOf(down),
      costBps,
      capacityBps: this.#stripes === 1 ? SINGLE_STRIPE_CHILDREN * Math.max(up, down) : up,
    }
  }

  #canBeInterior({ facts, capacityBps, costBps }: TreePeer): boolean {
    return facts.serving && !facts.complete && capacityBps >= costBps
  }

  /** Makes a host interior in the stripe that has the fewest, or a root of all when it is complete. */
  #startServing(peer: TreePeer, unplaced: Set<Place>): void {
    peer.serving = true
    this.#forest.addServer(peer)
    if (peer.complete) this.#becomeRoot(peer)
    else if (this.#canBeInterior(peer)) {
      this.#makeInterior(peer, this.#supply.poorest(peer.keys), unplaced)
    }
  }

  /** Takes all roles and children from a host. */
  #stopServing(peer: TreePeer, unplaced: Set<Place>): void {
    peer.serving = false
    this.#forest.removeServer(peer)
    for (const place of peer.places) {
      for (const child of this.#forest.dismissChildren(place)) unplaced.add(child)
    }
    const wasInterior = this.#leaveHome(peer)
    this.#forest.setHome(peer, 'nowhere')
    if (peer.complete) for (const place of peer.places) this.#forest.tree(place).uproot(place)
    else if (wasInterior) this.#evenOut(peer, unplaced)
  }

  /** The host has everything: it leaves its parents and becomes a root, with its children. */
  #finish(peer: TreePeer): void {
    for (const place of peer.places) this.#forest.detach(place)
    this.#leaveHome(peer)
    peer.complete = true
    if (peer.serving) this.#becomeRoot(peer)
  }

  #becomeRoot(peer: TreePeer): void {
    this.#forest.setHome(peer, 'everywhere')
    for (const place of peer.places) this.#forest.tree(place).plant(place)
  }

  /** Takes a host out of the count of interior ones. Returns whether it was. */
  #leaveHome({ keys, home }: TreePeer): boolean {
    if (typeof home !== 'number') return false
    this.#supply.add(keys, home, -1)
    return true
  }

  /** Keeps the stripes' numbers of interior hosts, hence of slots, level after one was lost. */
  #evenOut({ keys }: TreePeer, unplaced: Set<Place>): void {
    const tooRich = this.#supply.tooRich(keys)
    if (tooRich === undefined) return
    const mover = this.#forest.servers.find(keys[0] ?? '', ({ home }) => home === tooRich)
    const place = mover?.places[tooRich]
    if (mover === undefined || place === undefined) return
    for (const child of this.#forest.dismissChildren(place)) unplaced.add(child)
    this.#supply.add(mover.keys, tooRich, -1)
    this.#makeInterior(mover, this.#supply.poorest(keys), unplaced)
  }

  #makeInterior(peer: Peer, stripe: StripeIndex, unplaced: Set<Place>): void {
    this.#supply.add(peer.keys, stripe, 1)
    this.#forest.setHome(peer, stripe)
    const place = peer.places[stripe]
    if (place === undefined) return
    this.#forest.detach(place)
    unplaced.add(place)
  }

  /** A host that turned out to be much slower gives up its children and its place above others. */
  #reviewRates(peer: TreePeer, unplaced: Set<Place>): void {
    const before = peer.rateClass
    const rates = this.#ratesOf(peer.facts)
    if (rates.rateClass === before && rates.capacityBps === peer.capacityBps) return
    this.#forest.setRates(peer, rates)
    if (!peer.serving) return
    if (rates.rateClass - before < MOVING_CLASSES) return this.#shed(peer, unplaced)
    const { facts } = peer
    this.#stopServing(peer, unplaced)
    if (!peer.complete) {
      for (const place of peer.places) {
        this.#forest.detach(place)
        unplaced.add(place)
      }
    }
    if (facts.serving) this.#startServing(peer, unplaced)
  }

  /** Takes so many children from a host that it can feed those left, the slower and the leaves first. */
  #shed(peer: TreePeer, unplaced: Set<Place>): void {
    if (peer.usedBps <= OVERLOAD * peer.capacityBps) return
    const children = peer.places.flatMap((place) => place.children)
    children.sort((a, b) => b.peer.rateClass - a.peer.rateClass || a.peer.load - b.peer.load)
    for (const child of children) {
      if (peer.usedBps <= peer.capacityBps) return
      this.#forest.detach(child)
      unplaced.add(child)
    }
  }
}
