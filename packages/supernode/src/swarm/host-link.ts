import type { HostId, HostMessage, Labels, SupernodeMessage } from '@df/proto'

/** What a host says after its hello. */
export type TaskMessage = Exclude<HostMessage, { type: 'hello' }>

/** A live session of a host, as the swarms see it. */
export interface HostLink {
  readonly host: HostId
  /** Where the host serves content. */
  readonly url: string
  /** Where this host reaches the SuperNode's own copy. */
  readonly seedUrl: string
  readonly program: string
  readonly connectedAtMs: number
  /** Bytes per second; absent when the host does not know or has no limit. */
  readonly upBps?: number
  readonly downBps?: number
  /** Absent: the host takes no orders. */
  readonly labels?: Labels
  /** Credentials may travel on it: TLS, or within this machine. */
  readonly secure: boolean
  /** Queues a message; never blocks and never fails. */
  send(message: SupernodeMessage): void
}
