import {
  createServer as createHttpServerOfNode,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServerOfNode } from 'node:https'
import { type Access, AppError, isAppError } from '@df/proto'
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
  LogController,
  type RouteOptions,
} from 'fastify'
import type { Logger } from 'pino'
import { type AccessRules, checkAccess, findRoute, isEnforcedByHandler } from './access.ts'
import { CLOSE_GRACE_MS, cutAfterGrace, trackSockets } from './close-server.ts'
import type { Metrics } from './metrics.ts'
import { PROBLEM_TYPE, problemOf } from './problem.ts'

export interface HttpServerOptions {
  logger: Logger
  metrics: Metrics
  /** Tells the servers of one program apart, in logs and metrics. */
  name: string
  /** Whether the program can serve: the answer of /readyz. */
  isReady(): boolean
  /** What /readyz says besides: facts about parts that the program can do without for a while. */
  readyDetail?(): Readonly<Record<string, unknown>>
  access: AccessRules
  /** PEM texts; plain HTTP when absent. */
  tls?: { cert: string; key: string }
  /** Largest request body, 1 MiB when absent. */
  maxBodyBytes?: number
  diversion?: Diversion
}

/** Requests that are not for the routes of a server, such as those to a proxy. */
export interface Diversion {
  /** Takes a request (true) to answer it alone: no route, rule, metric or time limit for its body. */
  divert(request: IncomingMessage, response: ServerResponse): boolean
  /** Whether a request to change the protocol becomes the event `upgrade` of the server; it is a plain request else. */
  takesUpgrade(request: IncomingMessage): boolean
}

export interface RegisteredRoute {
  method: string
  path: string
  access: Access
  /** Who applies the rule: this factory, or the route's own handler. */
  enforcedBy: 'factory' | 'handler'
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** The access rule that the handler of this route enforces; it must be the one proto declares. */
    enforces?: Access
    /** Set by the factory. */
    access?: Access
  }
}

const registered = new WeakMap<FastifyInstance, RegisteredRoute[]>()

/**
 * A fastify instance with what all our servers share: limits on requests, access rules, problem+json errors,
 * /healthz, /readyz and /metrics, request metrics, an end that cannot hang.
 *
 * Only routes declared in proto can be registered. A route whose rule is `host`, `ticket`, `registry` or `origin`
 * enforces it in its own handler and says so: `config: { enforces: 'ticket' }`. No header of a proxy is
 * believed. Bytes may be sent after `reply.hijack()`, upgrades handled on `server.server`.
 */
export function createHttpServer(options: HttpServerOptions): FastifyInstance {
  const { metrics, name, access, maxBodyBytes = 1024 * 1024 } = options
  const logger: FastifyBaseLogger = options.logger.child({ server: name })
  const server = fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: false,
    bodyLimit: maxBodyBytes,
    serverFactory: (handler) => nodeServer(handler, options),
    routerOptions: { maxParamLength: 256 },
    // A body that is not what the schema says is refused, not mended.
    ajv: { customOptions: { removeAdditional: false, coerceTypes: false } },
    frameworkErrors: (error, request, reply) => {
      answerError(error, request, reply)
    },
  })
  const routesHere: RegisteredRoute[] = []
  registered.set(server, routesHere)

  server.addHook('onRoute', (route) => {
    routesHere.push(...admitRoute(route))
  })
  server.addHook('onRequest', async (request, reply) => {
    // Not the hook onResponse: answers that the caller cut short would go uncounted.
    reply.raw.once('close', () => observe(request, reply))
    const rule = request.routeOptions.config.access
    if (rule !== undefined) checkAccess(rule, request, access)
  })
  const observe = (request: FastifyRequest, reply: FastifyReply) => {
    const { elapsedTime: durationMs, raw } = reply
    const route = request.routeOptions.url ?? 'unknown'
    const status = raw.statusCode
    metrics.http.requests.inc({ server: name, route, status })
    metrics.http.seconds.observe({ server: name, route }, durationMs / 1000)
    logger.debug({ method: request.method, route, status, durationMs }, 'request answered')
  }
  server.addHook('preClose', async () => cutAfterGrace(server.server, CLOSE_GRACE_MS))
  server.setErrorHandler(answerError)
  server.setNotFoundHandler((request, reply) =>
    answerError(
      new AppError('ROUTE_UNKNOWN', `there is no ${request.method} ${pathOf(request)}`),
      request,
      reply,
    ),
  )

  server.get('/healthz', async () => 'ok\n')
  server.get('/readyz', async (_, reply) => {
    const ready = options.isReady()
    reply.code(ready ? 200 : 503)
    if (options.readyDetail !== undefined) return reply.send({ ready, ...options.readyDetail() })
    return reply.send(ready ? 'ready\n' : 'not ready\n')
  })
  server.get('/metrics', async (_, reply) => {
    return reply.type(metrics.contentType).send(await metrics.text())
  })
  return server
}

/** Every route of a server made by {@link createHttpServer}, with its rule; complete once `ready()` has resolved. */
export function enumerateRoutes(server: FastifyInstance): readonly RegisteredRoute[] {
  return registered.get(server) ?? []
}

/** Sends the error as problem+json. */
export function answerError(
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemOf(error)
  if (problem.status >= 500 && !isAppError(error)) {
    request.log.error({ err: error, route: request.routeOptions.url }, 'request failed')
  }
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem))
}

type Handler = Parameters<typeof createHttpServerOfNode>[1] & object

/** Headers and body of a request must be here by then. */
const REQUEST_TIMEOUT_MS = 30_000

function nodeServer(handler: Handler, { tls, diversion }: HttpServerOptions): Server {
  const limits = {
    requestTimeout: diversion === undefined ? REQUEST_TIMEOUT_MS : 0,
    headersTimeout: 15_000,
    connectionsCheckingInterval: 5000,
    /** Tokens of registries can be larger than Node's 16 KiB. */
    maxHeaderSize: 64 * 1024,
    /** Longer than the 60 s after which common load balancers drop an idle connection. */
    keepAliveTimeout: 65_000,
    noDelay: true,
    ...(diversion && { shouldUpgradeCallback: diversion.takesUpgrade }),
  }
  const served = diversion === undefined ? handler : diverted(handler, diversion)
  const server =
    tls === undefined
      ? createHttpServerOfNode(limits, served)
      : // https.Server has all that fastify and we use of http.Server, though it extends another class.
        (createHttpsServerOfNode({ ...limits, ...tls }, served) as unknown as Server)
  trackSockets(server)
  return server
}

/** Node has one time limit for all requests of a server, and those that go elsewhere may bring a body of any length. */
function diverted(handler: Handler, { divert }: Diversion): Handler {
  return (request, response) => {
    if (divert(request, response)) return
    const timer = setTimeout(() => {
      if (!request.complete) request.socket.destroy()
    }, REQUEST_TIMEOUT_MS)
    request.once('close', () => clearTimeout(timer))
    handler(request, response)
  }
}

function admitRoute(route: RouteOptions): RegisteredRoute[] {
  const methods = [route.method].flat()
  const admitted = methods.map((method): RegisteredRoute => {
    const declared = findRoute(method, route.url)
    if (declared === undefined) {
      throw new Error(`the route ${method} ${route.url} is not declared in proto routes`)
    }
    const { access } = declared
    const byHandler = isEnforcedByHandler(access)
    const { enforces } = route.config ?? {}
    if (byHandler ? enforces !== access : enforces !== undefined) {
      throw new Error(
        byHandler
          ? `the handler of ${method} ${route.url} must enforce '${access}' and say so in its config`
          : `the rule '${access}' of ${method} ${route.url} is enforced by the factory`,
      )
    }
    return { method, path: route.url, access, enforcedBy: byHandler ? 'handler' : 'factory' }
  })
  const rules = new Set(admitted.map((route) => route.access))
  if (rules.size !== 1) throw new Error(`the methods of ${route.url} have different access rules`)
  route.config = { ...route.config, ...(admitted[0] && { access: admitted[0].access }) }
  return admitted
}

function pathOf(request: FastifyRequest): string {
  return request.url.split('?')[0] ?? ''
}
