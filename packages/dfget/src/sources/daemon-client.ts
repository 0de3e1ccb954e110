import {
  type DownloadRequest,
  type HostTask,
  HostTaskSchema,
  headers,
  isTaskId,
  routes,
  type TaskId,
} from '@df/proto'
import { Compile } from 'typebox/compile'
import { Agent, type Dispatcher } from 'undici'
import { jsonAnswer, problemAnswer } from '../json-answer.ts'
import { wakingTimeout } from './waking-timeout.ts'

/**
 * Where nobody listens this host says so at once, and a daemon answers within a millisecond; but on a busy host either
 * side may have to wait for its turn.
 */
const PROBE_TIMEOUT_MS = 2000
const MAX_ANSWER_BYTES = 64 * 1024

const hostTask = Compile(HostTaskSchema)

/** The content, as a dfdaemon streams it. */
export interface DaemonAnswer {
  contentLength: number | undefined
  task: TaskId | undefined
  body: AsyncIterable<Uint8Array>
}

/** The local API of a dfdaemon. Its time limits are the caller's. */
export class DaemonClient {
  readonly #base: URL
  readonly #agent = new Agent({ allowH2: false, headersTimeout: 0, bodyTimeout: 0 })

  constructor(url: string) {
    this.#base = new URL(url)
  }

  /** Whether a daemon answers. Throws only the signal's reason. */
  async isAlive(signal: AbortSignal): Promise<boolean> {
    using timeout = wakingTimeout(PROBE_TIMEOUT_MS)
    const soon = AbortSignal.any([signal, timeout.signal])
    try {
      const answer = await this.#request(routes.healthz.method, routes.healthz.path, soon)
      await answer.body.dump({ limit: MAX_ANSWER_BYTES, signal: soon })
      return answer.statusCode === 200
    } catch {
      signal.throwIfAborted()
      return false
    }
  }

  /** @throws AppError what the daemon answers in place of content; what undici throws when it does not answer */
  async download(request: DownloadRequest, signal: AbortSignal): Promise<DaemonAnswer> {
    const { method, path } = routes.download
    const answer = await this.#request(method, path, signal, JSON.stringify(request))
    if (answer.statusCode !== 200) throw await problemAnswer(answer, 'dfdaemon')
    const length = answer.headers['content-length']
    const task = answer.headers[headers.task]
    return {
      contentLength: typeof length === 'string' ? Number(length) : undefined,
      task: typeof task === 'string' && isTaskId(task) ? task : undefined,
      body: answer.body,
    }
  }

  /** A task of the daemon, or undefined when it does not tell. */
  async task(task: TaskId, signal: AbortSignal): Promise<HostTask | undefined> {
    const path = routes.task.path.replace(':taskId', task)
    const answer = await this.#request(routes.task.method, path, signal)
    const value = await jsonAnswer(answer, MAX_ANSWER_BYTES)
    return hostTask.Check(value) ? value : undefined
  }

  /** Ends all that is under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  #request(
    method: Dispatcher.HttpMethod,
    path: string,
    signal: AbortSignal,
    body?: string,
  ): Promise<Dispatcher.ResponseData> {
    const type = body === undefined ? {} : { 'content-type': 'application/json' }
    return this.#agent.request({
      origin: this.#base.origin,
      path: this.#base.pathname.replace(/\/$/, '') + path,
      method,
      headers: { [headers.client]: 'dfget', ...type },
      body: body ?? null,
      signal,
    })
  }
}
