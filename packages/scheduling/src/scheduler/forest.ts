import type { HostId } from '@df/proto'
import { LoadIndex } from './load-index.ts'
import type { SwarmOptions } from './placement-policy.ts'
import {
  createPlace,
  type Home,
  hasSpace,
  type Peer,
  type Place,
  StripeTree,
} from './stripe-tree.ts'

/** The trees of all stripes, kept consistent: edges, loads, homes, and whose parents changed. */
export class Forest {
  /** Hosts that may serve, and those of them that could feed one more. */
  readonly servers = new LoadIndex<Peer>()
  readonly spacious = new LoadIndex<Peer>()
  readonly trees: StripeTree[] = []
  readonly #changed = new Set<HostId>()

  constructor({ stripes, seedSlots }: SwarmOptions) {
    const seed: Peer = {
      host: 'seed',
      facts: { have: Number.POSITIVE_INFINITY, avoided: new Set() },
      keys: [''],
      places: [],
      home: 'everywhere',
      rateClass: Number.NEGATIVE_INFINITY,
      capacityBps: 0,
      usedBps: 0,
      costBps: 0,
      load: 0,
    }
    for (let stripe = 0; stripe < stripes; stripe++) {
      this.trees.push(new StripeTree({ stripe, seed, seedSlots }))
    }
  }

  addServer(peer: Peer): void {
    this.servers.add(peer)
    this.#weigh(peer)
  }

  removeServer(peer: Peer): void {
    this.servers.delete(peer)
    this.#weigh(peer)
  }

  /** Gives a new host its places, which are not in the trees yet. */
  addPlaces(peer: Peer): void {
    for (const stripe of this.trees.keys()) peer.places.push(createPlace(peer, stripe))
  }

  tree({ stripe }: Place): StripeTree {
    const tree = this.trees[stripe]
    if (tree === undefined) throw new RangeError(`there is no stripe ${stripe}`)
    return tree
  }

  attach(place: Place, parent: Place): void {
    this.tree(place).attach(place, parent)
    this.#addLoad(parent.peer, 1, place.peer.costBps)
    this.#noteChange(place.peer)
  }

  detach(place: Place): void {
    const { parent } = place
    if (parent === undefined) return
    this.tree(place).detach(place)
    this.#addLoad(parent.peer, -1, place.peer.costBps)
    this.#noteChange(place.peer)
  }

  /** Takes all children from a place, and returns them. */
  dismissChildren(place: Place): Place[] {
    const children = place.children.slice()
    for (const child of children) this.detach(child)
    return children
  }

  setHome(peer: Peer, home: Home): void {
    peer.home = home
    this.#refresh(peer)
  }

  /** Changes what the host is believed to take and to give; its edges stay. */
  setRates(
    peer: Peer,
    { rateClass, capacityBps, costBps }: Pick<Peer, 'rateClass' | 'capacityBps' | 'costBps'>,
  ): void {
    const change = costBps - peer.costBps
    peer.rateClass = rateClass
    peer.capacityBps = capacityBps
    peer.costBps = costBps
    this.#refresh(peer)
    this.#weigh(peer)
    for (const { parent } of peer.places) {
      if (parent === undefined) continue
      parent.peer.usedBps += change
      this.#refresh(parent.peer)
      this.#weigh(parent.peer)
    }
  }

  takeChanged(): HostId[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }

  #refresh(peer: Peer): void {
    for (const place of peer.places) {
      this.tree(place).refresh(place)
      if (place.parent !== undefined) this.tree(place).refresh(place.parent)
    }
  }

  #addLoad(peer: Peer, change: 1 | -1, costBps: number): void {
    // Sums of fractions drift: a host without children has nothing to send.
    peer.usedBps = peer.load + change === 0 ? 0 : peer.usedBps + change * costBps
    this.spacious.delete(peer)
    this.servers.change(peer, peer.load + change)
    this.#weigh(peer)
    for (const place of peer.places) {
      const tree = this.tree(place)
      if (!tree.serves(place)) continue
      if (change > 0) tree.requeue(place)
      else tree.refresh(place)
    }
  }

  #weigh(peer: Peer): void {
    this.spacious.delete(peer)
    if (this.servers.has(peer) && hasSpace(peer)) this.spacious.add(peer)
  }

  #noteChange({ host }: Peer): void {
    if (host !== 'seed') this.#changed.add(host)
  }
}
