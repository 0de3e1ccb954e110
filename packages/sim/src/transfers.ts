import type { Fetch } from '@df/scheduling'

/** Names a request from its sending until it is over; used again afterwards. */
export type TransferId = number

/** Where a request is: on its way · held by the parent · waiting for a slot · being sent · bytes on their way. */
export type TransferState = 'asked' | 'held' | 'queued' | 'sent' | 'arriving'

export interface Transfer {
  id: TransferId
  /** Told apart from others that had this id: events of those are stale. */
  serial: number
  state: TransferState
  /** Numbers of hosts. */
  child: number
  parent: number
  fetch: Fetch
  flow: number
  /** The child has turned away: it counts no more for it. */
  isAborted: boolean
}

/** The requests of a run. Records are used again, since there are tens of millions of them. */
export class Transfers {
  readonly #all: Transfer[] = []
  readonly #free: TransferId[] = []

  open(child: number, parent: number, fetch: Fetch): Transfer {
    const id = this.#free.pop()
    const known = id === undefined ? undefined : this.#all[id]
    if (known !== undefined) {
      known.serial++
      known.state = 'asked'
      known.child = child
      known.parent = parent
      known.fetch = fetch
      known.flow = -1
      known.isAborted = false
      return known
    }
    const transfer: Transfer = {
      id: this.#all.length,
      serial: 0,
      state: 'asked',
      child,
      parent,
      fetch,
      flow: -1,
      isAborted: false,
    }
    this.#all.push(transfer)
    return transfer
  }

  /** The transfer, if it is still the one with this serial number. */
  get(id: TransferId, serial: number): Transfer | undefined {
    const transfer = this.#all[id]
    return transfer?.serial === serial ? transfer : undefined
  }

  /** The transfer that has this id now. @throws RangeError when it was never given */
  current(id: TransferId): Transfer {
    const transfer = this.#all[id]
    if (transfer === undefined) throw new RangeError(`there is no transfer ${id}`)
    return transfer
  }

  /** Those that are not over. */
  all(): Transfer[] {
    const free = new Set(this.#free)
    return this.#all.filter(({ id }) => !free.has(id))
  }

  close(transfer: Transfer): void {
    transfer.serial++
    this.#free.push(transfer.id)
  }
}
