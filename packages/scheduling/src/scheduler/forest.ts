import type { HostId, StripeIndex } from '@df/proto'
import { LoadIndex } from './load-index.ts'
import type { SwarmOptions } from './placement-policy.ts'
import { createPlace, type Home, type Peer, type Place, StripeTree } from './stripe-tree.ts'

/** Children of a host when there is one stripe only: such content is small, and depth counts, not bandwidth. */
const SINGLE_STRIPE_SLOTS = 4

/** The trees of all stripes, kept consistent: edges, loads, homes, and whose parents changed. */
export class Forest {
  /** Hosts that may serve. */
  readonly servers = new LoadIndex<Peer>()
  readonly trees: StripeTree[] = []
  /** Incomplete hosts that have each stripe for their home. */
  readonly #interiors: number[]
  readonly #changed = new Set<HostId>()

  constructor({ stripes, seedSlots }: SwarmOptions) {
    this.#interiors = Array.from({ length: stripes }, () => 0)
    const seed: Peer = {
      host: 'seed',
      facts: { have: Number.POSITIVE_INFINITY, avoided: new Set() },
      places: [],
      home: 'everywhere',
      load: 0,
    }
    const slots = stripes === 1 ? SINGLE_STRIPE_SLOTS : stripes
    for (let stripe = 0; stripe < stripes; stripe++) {
      this.trees.push(new StripeTree({ stripe, seed, seedSlots, slots }))
    }
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
    this.#addLoad(parent.peer, 1)
    this.#noteChange(place.peer)
  }

  detach(place: Place): void {
    const { parent } = place
    if (parent === undefined) return
    this.tree(place).detach(place)
    this.#addLoad(parent.peer, -1)
    this.#noteChange(place.peer)
  }

  /** Takes all children from a place, and returns them. */
  dismissChildren(place: Place): Place[] {
    const children = place.children.slice()
    for (const child of children) this.detach(child)
    return children
  }

  setHome(peer: Peer, home: Home): void {
    for (const [stripe, count] of this.#interiors.entries()) {
      this.#interiors[stripe] = count + Number(stripe === home) - Number(stripe === peer.home)
    }
    peer.home = home
    for (const place of peer.places) {
      this.tree(place).refresh(place)
      if (place.parent !== undefined) this.tree(place).refresh(place.parent)
    }
  }

  /** The stripe with the fewest interior hosts. */
  get poorest(): StripeIndex {
    return this.#interiors.indexOf(Math.min(...this.#interiors))
  }

  /** The stripe with the most interior hosts, when it could give one to the poorest. */
  get tooRich(): StripeIndex | undefined {
    const most = Math.max(...this.#interiors)
    return most - Math.min(...this.#interiors) < 2 ? undefined : this.#interiors.indexOf(most)
  }

  takeChanged(): HostId[] {
    const changed = [...this.#changed]
    this.#changed.clear()
    return changed
  }

  #addLoad(peer: Peer, change: number): void {
    this.servers.change(peer, peer.load + change)
    for (const place of peer.places) {
      const tree = this.tree(place)
      if (!tree.serves(place)) continue
      if (change > 0) tree.requeue(place)
      else tree.refresh(place)
    }
  }

  #noteChange({ host }: Peer): void {
    if (host !== 'seed') this.#changed.add(host)
  }
}
