import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Engine } from '@df/dfget'
import type { Logger } from '@df/kit'
import {
  type BlobPull,
  type BlobServices,
  callerFields,
  Exchange,
  parseRegistryPath,
  reasonOf,
  serveBlob,
} from '@df/oci'
import { type AppError, errorInfo, toAppError } from '@df/proto'
import { blobPath } from '../mirror/target.ts'
import { isPlainGet, passedOn, withField } from './fields.ts'
import { forward } from './forward.ts'
import type { Passage, PassageEnd, ProxyMetrics } from './metrics.ts'
import type { NoProxy } from './no-proxy.ts'
import type { Outgoing } from './outgoing.ts'
import { refuse, refuseSocket } from './refusal.ts'
import type { ProxyRules, Way } from './rules.ts'
import { type FilePull, serveFromSwarm } from './swarm-file.ts'
import { authorityOf, isAbsoluteForm, type Target, urlOf, withOriginOf } from './target.ts'
import { passUpgrade } from './upgrade.ts'

export interface ProxyRequestsOptions {
  rules: ProxyRules
  bypass: NoProxy
  outgoing: Outgoing
  engine: Engine
  services: BlobServices
  metrics: ProxyMetrics
  logger: Logger
  /** Longest silence towards a caller while the swarm answers. */
  silenceMs: number
}

/** Where a request goes after the rules, and how. */
interface Plan {
  way: Way | undefined
  target: Target
  fields: string[]
}

/** What is said of a request when it is over. */
interface Story {
  passage: Passage
  end: PassageEnd
  status: number
  bytes: number
  failure?: AppError | undefined
  received?: FilePull['received'] & { direct: number }
}

/** Answers the requests that the proxy can read: those in plain HTTP and those in TLS that it opens. */
export class ProxyRequests {
  readonly #options: ProxyRequestsOptions

  constructor(options: ProxyRequestsOptions) {
    this.#options = options
  }

  /** Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse, target: Target): Promise<void> {
    const startedMs = performance.now()
    response.on('error', () => {}) // a broken connection; `close` follows
    const plan = this.#plan(request, target)
    let story: Story
    try {
      story = await this.#serve(request, response, plan)
    } catch (error) {
      story = failed(response, error)
    }
    this.#report(request, plan, story, startedMs)
  }

  /** Never rejects. */
  async upgrade(
    request: IncomingMessage,
    socket: Socket,
    head: Buffer,
    target: Target,
  ): Promise<void> {
    const startedMs = performance.now()
    const { outgoing } = this.#options
    const plan = this.#plan(request, target)
    const story: Story = { passage: 'upgrade', end: 'complete', status: 403, bytes: 0 }
    if (plan.way === 'refuse') {
      story.passage = 'refused'
      refuseSocket(socket, 403, 'a rule of this proxy refuses this address')
    } else {
      try {
        story.status = await passUpgrade({ ...plan, request, socket, head, outgoing })
        story.bytes = socket.bytesWritten
      } catch (error) {
        story.end = 'failed'
        story.failure = toAppError(error)
        story.status = errorInfo(story.failure.code).status
        refuseSocket(socket, story.status, story.failure.message)
      }
    }
    this.#report(request, plan, story, startedMs)
  }

  #plan(request: IncomingMessage, asked: Target): Plan {
    const { rules, bypass } = this.#options
    const url = urlOf(asked)
    const given = passedOn(request.rawHeaders)
    // Of the absolute form, the Host field says nothing (RFC 9112 §3.2.2).
    const isAbsolute = isAbsoluteForm(request.url)
    const fields = isAbsolute ? withField(given, 'Host', authorityOf(asked)) : given
    if (url === undefined || bypass.matches(asked)) return { way: 'direct', target: asked, fields }
    const decision = rules.decide(url)
    const target = decision.url === url ? asked : withOriginOf(asked, decision.url)
    const isMoved = target.host !== asked.host || target.port !== asked.port
    return {
      way: decision.way,
      target,
      fields: isMoved ? withField(fields, 'Host', authorityOf(target)) : fields,
    }
  }

  async #serve(request: IncomingMessage, response: ServerResponse, plan: Plan): Promise<Story> {
    const { way, target } = plan
    const { services, engine } = this.#options
    if (way === 'refuse') {
      refuse(response, 403, 'a rule of this proxy refuses this address')
      return { passage: 'refused', end: 'complete', status: 403, bytes: 0 }
    }
    const source = swarmSource(request, plan)
    if (source === undefined) return await this.#direct(request, response, plan, undefined)
    const exchange = new Exchange(request, response, { silenceMs: this.#options.silenceMs })
    const pull = filePull(exchange, target)
    const fallback =
      source.kind === 'blob'
        ? await this.#serveBlob(blobPull(pull, source))
        : await serveFromSwarm(pull, { ...services, engine })
    if (fallback === undefined) return served(source.kind, pull)
    this.#options.metrics.countFallback()
    return await this.#direct(request, response, plan, fallback)
  }

  /** Why the blob did not come from the swarm or its registry, when nothing was sent. */
  async #serveBlob(pull: BlobPull): Promise<AppError | undefined> {
    try {
      await serveBlob(pull, this.#options.services)
      return undefined
    } catch (error) {
      if (pull.exchange.headSent || pull.exchange.callerLeft) throw error
      return toAppError(error)
    }
  }

  async #direct(
    request: IncomingMessage,
    response: ServerResponse,
    { target, fields }: Plan,
    failure: AppError | undefined,
  ): Promise<Story> {
    const { outgoing } = this.#options
    const story: Story = { passage: 'direct', end: 'complete', status: 0, bytes: 0, failure }
    try {
      await forward({
        request,
        response,
        target,
        fields,
        outgoing,
        onBytes: (bytes) => {
          story.bytes += bytes
        },
      })
    } catch (error) {
      return { ...failed(response, error), bytes: story.bytes }
    }
    story.status = response.statusCode
    if (!response.writableFinished) story.end = 'left'
    return story
  }

  #report(request: IncomingMessage, { target }: Plan, story: Story, startedMs: number): void {
    const { metrics, logger } = this.#options
    const { passage, end, status, bytes, failure, received } = story
    metrics.count(passage, end, bytes)
    logger.info(
      {
        method: request.method,
        // Never the query, which may hold a right.
        url: `${target.scheme}://${authorityOf(target)}${target.path.split('?')[0]}`,
        passage,
        status,
        end,
        bytes,
        durationMs: Math.round(performance.now() - startedMs),
        ...(received && { received }),
        ...(failure && reasonOf(failure)),
      },
      'proxied',
    )
  }
}

/** What the swarm is asked for; undefined when the request is its origin's alone. */
function swarmSource(
  request: IncomingMessage,
  plan: Plan,
): BlobPull['what'] | { kind: 'file' } | undefined {
  const { way, target } = plan
  if (way === 'direct' || !isPlainGet(request) || !meansTarget(plan)) return undefined
  const what = target.path.includes('?') ? undefined : parseRegistryPath(target.path)
  if (what?.kind === 'blob') return what
  return way === 'swarm' ? { kind: 'file' } : undefined
}

function blobPull(pull: FilePull, what: BlobPull['what']): BlobPull {
  const { authorization } = pull.exchange.request.headers
  return Object.assign(pull, {
    what,
    path: blobPath(what.repository, what.digest),
    credential: { kind: 'header', authorization } as const,
  })
}

/** Whether the Host that the caller gives is the one that it connects to. */
function meansTarget({ target, fields }: Plan): boolean {
  const at = fields.findIndex((field, index) => index % 2 === 0 && /^host$/i.test(field))
  const host = fields[at + 1]?.toLowerCase()
  return host === authorityOf(target) || host === `${authorityOf(target)}:${target.port}`
}

function filePull(exchange: Exchange, target: Target): FilePull {
  const origin = new URL(`${target.scheme}://${authorityOf(target)}`).origin
  return {
    method: 'GET',
    upstream: { base: origin, origin, isUnguarded: true },
    path: target.path,
    fields: callerFields(exchange.request),
    exchange,
    received: { peers: 0, seed: 0, origin: 0 },
    directBytes: 0,
  }
}

function served(passage: Passage, { exchange, received, directBytes }: FilePull): Story {
  return {
    passage,
    end: exchange.callerLeft ? 'left' : 'complete',
    status: exchange.status ?? 0,
    bytes: exchange.bytesSent,
    received: { ...received, direct: directBytes },
  }
}

/** Tells the caller, if it is still to be told; else cuts what it gets. */
function failed(response: ServerResponse, error: unknown): Story {
  const failure = toAppError(error)
  const story = { passage: 'direct', bytes: 0, failure } as const
  if (response.headersSent || response.destroyed) {
    const end = response.destroyed && !response.headersSent ? 'left' : 'cut'
    response.destroy()
    return { ...story, end, status: response.statusCode }
  }
  const { status } = errorInfo(failure.code)
  refuse(
    response,
    status,
    failure.hint === undefined ? failure.message : `${failure.message}; ${failure.hint}`,
  )
  return { ...story, end: 'failed', status }
}
