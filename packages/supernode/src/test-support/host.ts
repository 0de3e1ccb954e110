import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { taskIdOf } from '@df/codec'
import {
  contentPath,
  decodeSupernodeFrame,
  encodeFrame,
  type HostId,
  type HostMessage,
  headers as headerNames,
  type Labels,
  type MessageOf,
  PROTOCOL_VERSION,
  type SupernodeMessage,
  type TaskId,
  type TaskIdentity,
} from '@df/proto'
import { WebSocket } from 'ws'

type Message<T extends SupernodeMessage['type']> = MessageOf<SupernodeMessage, T>

export const blobOf = (digest: string): TaskIdentity => ({ kind: 'blob', digest }) as TaskIdentity

interface TestHostOptions {
  id?: HostId
  /** PEM; for a SuperNode that speaks TLS. */
  ca?: string
  /** Given by hosts that take orders. */
  labels?: Labels
}

/** A host as the SuperNode sees it: a real WebSocket, driven by the test. */
export class TestHost implements AsyncDisposable {
  readonly id: HostId
  readonly socket: WebSocket
  readonly received: SupernodeMessage[] = []
  readonly #waiting = new Set<() => void>()
  readonly #url: string
  readonly #labels: Labels | undefined

  private constructor(url: string, { id = newHostId(), ca, labels }: TestHostOptions) {
    this.id = id
    this.#labels = labels
    this.#url = url
    this.socket = new WebSocket(
      `${url.replace(/^http/, 'ws')}/v1/session`,
      ca === undefined ? {} : { ca },
    )
    this.socket.on('message', (data: Buffer) => {
      this.received.push(...decodeSupernodeFrame(data.toString()))
      for (const wake of this.#waiting) wake()
    })
    this.socket.on('close', () => {
      for (const wake of this.#waiting) wake()
    })
    this.socket.on('error', () => {})
  }

  /** Connects and says hello. */
  static async connect(url: string, options: TestHostOptions = {}): Promise<TestHost> {
    const host = await TestHost.open(url, options)
    host.hello()
    await host.next('welcome')
    return host
  }

  /** Connects and says nothing. */
  static async open(url: string, options: TestHostOptions = {}): Promise<TestHost> {
    const host = new TestHost(url, options)
    await once(host.socket, 'open')
    return host
  }

  hello(protocol = PROTOCOL_VERSION): void {
    this.send({
      type: 'hello',
      protocol,
      host: this.id,
      url: `http://127.0.0.1:1/${this.id.slice(0, 4)}`,
      program: 'test',
      ...(this.#labels === undefined ? {} : { labels: this.#labels }),
    })
  }

  send(...messages: HostMessage[]): void {
    this.socket.send(encodeFrame(messages))
  }

  join(
    identity: TaskIdentity,
    url: string,
    more: Partial<MessageOf<HostMessage, 'join'>> & { headers?: Record<string, string> } = {},
  ): TaskId {
    const { headers, ...rest } = more
    const task = taskIdOf(identity)
    this.send({
      type: 'join',
      task,
      identity,
      source: { url, ...(headers === undefined ? {} : { headers }) },
      ...rest,
    } as MessageOf<HostMessage, 'join'>)
    return task
  }

  /** The first message of this kind that fits, received already or soon. */
  async next<T extends SupernodeMessage['type']>(
    type: T,
    fits: (message: Message<T>) => boolean = () => true,
    timeoutMs?: number,
  ): Promise<Message<T>> {
    const isIt = (message: SupernodeMessage): message is Message<T> =>
      message.type === type && fits(message as Message<T>)
    return (await this.first(isIt, timeoutMs)) as Message<T>
  }

  async first(
    fits: (message: SupernodeMessage) => boolean,
    timeoutMs = 10_000,
  ): Promise<SupernodeMessage> {
    const until = performance.now() + timeoutMs
    for (;;) {
      const found = this.received.find(fits)
      if (found !== undefined) return found
      if (performance.now() > until) {
        const seen = this.received.map(({ type }) => type).join(' ')
        throw new Error(`the message did not come; seen: ${seen}`)
      }
      await this.#news(until - performance.now())
    }
  }

  #news(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, timeoutMs + 1)
      this.#waiting.add(wake)
    })
  }

  /** Asks the SuperNode's seed for bytes of a task it was given a ticket for; waits like a peer does. */
  async fetch(
    task: Message<'task'>,
    range?: { start: number; end: number },
  ): Promise<{ status: number; body: Buffer; headers: Headers }> {
    for (;;) {
      const response = await fetch(this.#url + contentPath(task.task), {
        headers: {
          [headerNames.ticket]: task.ticket,
          ...(range === undefined ? {} : { range: `bytes=${range.start}-${range.end - 1}` }),
        },
      })
      const body = Buffer.from(await response.arrayBuffer())
      if (response.status !== 503)
        return { status: response.status, body, headers: response.headers }
    }
  }

  async close(): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return
    const closed = once(this.socket, 'close')
    this.socket.close()
    await closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

export function newHostId(): HostId {
  return randomBytes(16).toString('hex') as HostId
}
