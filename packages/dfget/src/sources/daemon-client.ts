import {
  AppError,
  type DownloadRequest,
  type HostTask,
  HostTaskSchema,
  headers,
  isErrorCode,
  isTaskId,
  ProblemSchema,
  routes,
  type TaskId,
} from '@df/proto'
import { Compile } from 'typebox/compile'
import { Agent, type Dispatcher } from 'undici'
import { wakingTimeout } from './waking-timeout.ts'

/**
 * Where nobody listens this host says so at once, and a daemon answers within a millisecond; but on a busy host either
 * side may have to wait for its turn.
 */
const PROBE_TIMEOUT_MS = 2000
const MAX_ANSWER_BYTES = 64 * 1024

const problem = Compile(ProblemSchema)
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
    if (answer.statusCode !== 200) throw await errorOf(answer)
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
    const value = await jsonOf(answer)
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

async function errorOf(answer: Dispatcher.ResponseData): Promise<AppError> {
  const value = await jsonOf(answer)
  if (!problem.Check(value) || !isErrorCode(value.code)) {
    return new AppError('PARENT_FAILED', `the dfdaemon answered ${answer.statusCode}`)
  }
  const { code, title, detail = title, hint } = value
  return new AppError(code, detail, hint === undefined ? {} : { hint })
}

/** The JSON of a small answer; undefined when it is something else. */
async function jsonOf(answer: Dispatcher.ResponseData): Promise<unknown> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of answer.body as AsyncIterable<Buffer>) {
    size += part.length
    if (size > MAX_ANSWER_BYTES) return undefined
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    return undefined
  }
}
