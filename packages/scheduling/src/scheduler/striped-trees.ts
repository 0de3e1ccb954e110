import type { HostId } from '@df/proto'
import type { ParentId } from './events.ts'
import { Forest } from './forest.ts'
import type { Swarm, SwarmMember, SwarmOptions } from './placement-policy.ts'
import { Placer } from './placer.ts'
import type { Peer, Place } from './stripe-tree.ts'

interface TreePeer extends Peer {
  readonly facts: SwarmMember
  /** As of the last update. */
  complete: boolean
  serving: boolean
}

/**
 * One rate class of the scheduling study, §5 (docs/adr/0002-striped-trees.md): k stripes, each a tree from the
 * seed; every host is interior in one of them, with k child slots, and a leaf in the others, so it sends as
 * much as it receives. Complete hosts are roots beside the seed.
 */
export function stripedTrees(options: SwarmOptions): Swarm {
  return new StripedTrees(options)
}

/** Which role each host has; the {@link Placer} finds the parents. */
class StripedTrees implements Swarm {
  readonly #forest: Forest
  readonly #placer: Placer
  readonly #peers = new Map<HostId, TreePeer>()

  constructor(options: SwarmOptions) {
    this.#forest = new Forest(options)
    this.#placer = new Placer(this.#forest, options)
  }

  add(members: readonly SwarmMember[]): void {
    const unplaced = new Set<Place>()
    // Roles are dealt class by class, so that each class has slots of its own in every stripe.
    const furthestFirst = [...members].sort(
      (a, b) => this.#placer.classOf(b.have) - this.#placer.classOf(a.have),
    )
    for (const member of furthestFirst) this.#enter(member, unplaced)
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
    if (!peer.serving && member.serving) this.#startServing(peer, unplaced)
    for (const place of peer.places) {
      const parent = place.parent?.peer.host
      if (parent === undefined || parent === 'seed' || !member.avoided.has(parent)) continue
      this.#forest.detach(place)
      unplaced.add(place)
    }
    this.#placer.place(unplaced)
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

  #enter(member: SwarmMember, unplaced: Set<Place>): void {
    const peer: TreePeer = {
      host: member.host,
      facts: member,
      places: [],
      home: 'nowhere',
      load: 0,
      complete: member.complete,
      serving: false,
    }
    this.#forest.addPlaces(peer)
    this.#peers.set(member.host, peer)
    if (!peer.complete) for (const place of peer.places) unplaced.add(place)
    if (member.serving) this.#startServing(peer, unplaced)
  }

  /** Makes a host interior in the stripe that has the fewest, or a root of all when it is complete. */
  #startServing(peer: TreePeer, unplaced: Set<Place>): void {
    peer.serving = true
    this.#forest.servers.add(peer)
    if (peer.complete) this.#becomeRoot(peer)
    else this.#makeInterior(peer, this.#forest.poorest, unplaced)
  }

  /** Takes all roles and children from a host. */
  #stopServing(peer: TreePeer, unplaced: Set<Place>): void {
    peer.serving = false
    this.#forest.servers.delete(peer)
    for (const place of peer.places) {
      for (const child of this.#forest.dismissChildren(place)) unplaced.add(child)
    }
    this.#forest.setHome(peer, 'nowhere')
    if (peer.complete) for (const place of peer.places) this.#forest.tree(place).uproot(place)
    else this.#evenOut(unplaced)
  }

  /** The host has everything: it leaves its parents and becomes a root, with its children. */
  #finish(peer: TreePeer): void {
    peer.complete = true
    for (const place of peer.places) this.#forest.detach(place)
    if (peer.serving) this.#becomeRoot(peer)
  }

  #becomeRoot(peer: TreePeer): void {
    this.#forest.setHome(peer, 'everywhere')
    for (const place of peer.places) this.#forest.tree(place).plant(place)
  }

  /** Keeps the stripes' numbers of interior hosts, hence of slots, level after one was lost. */
  #evenOut(unplaced: Set<Place>): void {
    const { tooRich, poorest } = this.#forest
    if (tooRich === undefined) return
    const mover = this.#forest.servers.find(({ home }) => home === tooRich)
    const place = mover?.places[tooRich]
    if (mover === undefined || place === undefined) return
    for (const child of this.#forest.dismissChildren(place)) unplaced.add(child)
    this.#makeInterior(mover, poorest, unplaced)
  }

  #makeInterior(peer: Peer, stripe: number, unplaced: Set<Place>): void {
    this.#forest.setHome(peer, stripe)
    const place = peer.places[stripe]
    if (place === undefined) return
    this.#forest.detach(place)
    unplaced.add(place)
  }
}
