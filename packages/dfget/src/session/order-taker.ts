import type { HostMessage, Labels, MessageOf, SupernodeMessage } from '@df/proto'

/** What a SuperNode orders: to fetch a content that nobody on this host asked for, or to forget that order. */
export type Order = MessageOf<SupernodeMessage, 'fetch' | 'forget-order'>

/** How an order ended. */
export type OrderAnswer = Omit<MessageOf<HostMessage, 'fetched'>, 'type'>

/** Takes the orders of all SuperNodes of this host. */
export interface OrderTaker {
  /** By which SuperNodes choose this host; may be empty. */
  readonly labels: Labels
  /**
   * An order, which may be one that came before: a SuperNode sends those still open again to every new session.
   * `answer` is lost when the session has gone meanwhile; then the order comes again too.
   */
  receive(order: Order, answer: (answer: OrderAnswer) => void): void
}
