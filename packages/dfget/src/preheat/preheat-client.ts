import {
  AppError,
  isAppError,
  type PreheatJob,
  PreheatJobSchema,
  PreheatListSchema,
  type PreheatRequest,
  type PreheatSummary,
  type Route,
  routes,
} from '@df/proto'
import type { Static, TSchema } from 'typebox'
import { Compile, type Validator } from 'typebox/compile'
import { Agent, type Dispatcher } from 'undici'
import { jsonAnswer, problemAnswer } from '../json-answer.ts'

const CONNECT_TIMEOUT_MS = 3000
const ANSWER_TIMEOUT_MS = 30_000
/** A job names every content at every host. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024

const job = Compile(PreheatJobSchema)
const list = Compile(PreheatListSchema)

export interface PreheatClientOptions {
  /** Base URL of the SuperNode. */
  url: string
  /** PEM; of a SuperNode with a certificate of a private authority. */
  ca?: string
  operatorToken?: string
  signal: AbortSignal
}

/**
 * The preheats of a SuperNode, over its REST API. All methods throw AppError: what the SuperNode answers, or
 * SUPERNODE_UNREACHABLE when it does not; and the signal's reason.
 */
export class PreheatClient {
  readonly url: string
  readonly #base: URL
  readonly #options: PreheatClientOptions
  readonly #agent: Agent

  constructor(options: PreheatClientOptions) {
    const { url, ca } = options
    this.url = url
    this.#base = new URL(url)
    this.#options = options
    this.#agent = new Agent({
      allowH2: false,
      connect: { timeout: CONNECT_TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) },
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    })
  }

  order(request: PreheatRequest): Promise<PreheatJob> {
    return this.#ask(routes.preheat, job, { body: JSON.stringify(request) })
  }

  async list(): Promise<PreheatSummary[]> {
    return (await this.#ask(routes.preheats, list)).preheats
  }

  job(id: string): Promise<PreheatJob> {
    return this.#ask(routes.preheatJob, job, { id })
  }

  async cancel(id: string): Promise<void> {
    const answer = await this.#request(routes.deletePreheat, { id })
    await answer.body.dump()
  }

  /** Ends all that is under way. */
  async close(): Promise<void> {
    await this.#agent.destroy()
  }

  async #ask<T extends TSchema>(
    route: Route,
    schema: Validator<{}, T>,
    what: { id?: string; body?: string } = {},
  ): Promise<Static<T>> {
    const value = await this.#reached(async () =>
      jsonAnswer(await this.#request(route, what), MAX_ANSWER_BYTES),
    )
    if (schema.Check(value)) return value
    throw new AppError(
      'PROTOCOL_UNSUPPORTED',
      `${this.url} does not answer as a SuperNode of this version`,
      {
        hint: 'check --supernode, and run the same release everywhere',
      },
    )
  }

  async #request(
    { method, path }: Route,
    { id = '', body }: { id?: string; body?: string },
  ): Promise<Dispatcher.ResponseData> {
    const { operatorToken, signal } = this.#options
    const answer = await this.#reached(() =>
      this.#agent.request({
        origin: this.#base.origin,
        path: this.#base.pathname.replace(/\/$/, '') + path.replace(':preheatId', id),
        method: method as Dispatcher.HttpMethod,
        headers: {
          ...(operatorToken === undefined ? {} : { authorization: `Bearer ${operatorToken}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body ?? null,
        signal,
      }),
    )
    if (answer.statusCode < 300) return answer
    const error = await this.#reached(() => problemAnswer(answer, 'SuperNode'))
    throw isAppError(error, 'FORBIDDEN')
      ? new AppError(error.code, `${this.url}: ${error.message}`, {
          cause: error,
          hint: 'call it on its own host, or give its operator token with --operator-token-file',
        })
      : error
  }

  async #reached<T>(asking: () => Promise<T>): Promise<T> {
    try {
      return await asking()
    } catch (cause) {
      this.#options.signal.throwIfAborted()
      if (isAppError(cause)) throw cause
      const why = cause instanceof Error ? cause.message : String(cause)
      throw new AppError(
        'SUPERNODE_UNREACHABLE',
        `the SuperNode ${this.url} does not answer: ${why}`,
        {
          cause,
          hint: 'check --supernode and that it runs',
        },
      )
    }
  }
}
