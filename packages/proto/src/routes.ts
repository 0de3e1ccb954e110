import type { TaskId } from './ids.ts'

/**
 * Who may use a route.
 * - `anyone`: no secret and no content behind it.
 * - `operator`: callers on loopback, or with the configured operator token.
 * - `local`: programs of this host only (loopback), with the header {@link headers.client}, which no web page can send unasked.
 * - `host`: a host's session; over TLS or inside the cluster's network.
 * - `ticket`: hosts with a ticket of the SuperNode for that task.
 * - `registry`: callers whose right the registry confirms with their own credentials.
 * - `origin`: callers whose right the origin of the content confirms, with the query that they bring.
 */
export type Access = 'anyone' | 'operator' | 'local' | 'host' | 'ticket' | 'registry' | 'origin'

export interface Route {
  method: 'GET' | 'HEAD' | 'POST' | 'DELETE' | 'ANY'
  /** fastify path */
  path: string
  access: Access
  summary: string
}

const route = (method: Route['method'], path: string, access: Access, summary: string): Route => ({
  method,
  path,
  access,
  summary,
})

/** Every route of every program, once. */
export const routes = {
  healthz: route('GET', '/healthz', 'anyone', 'the process runs'),
  readyz: route('GET', '/readyz', 'anyone', 'the process can serve'),
  metrics: route('GET', '/metrics', 'anyone', 'Prometheus metrics'),
  session: route(
    'GET',
    '/v1/session',
    'host',
    'WebSocket: the session of a host with its SuperNode',
  ),
  content: route('GET', '/v1/tasks/:taskId/content', 'ticket', 'bytes of a task, by Range'),
  openapi: route('GET', '/api/v1/openapi.json', 'anyone', 'this API as OpenAPI 3.1'),
  tasks: route('GET', '/api/v1/tasks', 'operator', 'tasks known here'),
  task: route('GET', '/api/v1/tasks/:taskId', 'operator', 'one task'),
  taskPeers: route(
    'GET',
    '/api/v1/tasks/:taskId/peers',
    'operator',
    'hosts that have or fetch the task',
  ),
  taskSwarm: route(
    'GET',
    '/api/v1/tasks/:taskId/swarm',
    'operator',
    'who fed whom, and how near the swarm came to what its links allow',
  ),
  taskPieces: route('GET', '/api/v1/tasks/:taskId/pieces', 'operator', 'who has which pieces'),
  deleteTask: route(
    'DELETE',
    '/api/v1/tasks/:taskId',
    'operator',
    'forget the task and its content',
  ),
  preheat: route(
    'POST',
    '/api/v1/preheats',
    'operator',
    'bring images and files to the SuperNode and to hosts before anybody pulls them',
  ),
  preheats: route('GET', '/api/v1/preheats', 'operator', 'preheats, the newest first'),
  preheatJob: route('GET', '/api/v1/preheats/:preheatId', 'operator', 'one preheat and its items'),
  deletePreheat: route(
    'DELETE',
    '/api/v1/preheats/:preheatId',
    'operator',
    'cancel the preheat, and forget it',
  ),
  registryEvents: route(
    'POST',
    '/api/v1/registry-events',
    'operator',
    'notifications of a registry: what is pushed is preheated',
  ),
  hosts: route('GET', '/api/v1/hosts', 'operator', 'hosts with a session'),
  download: route(
    'POST',
    '/api/v1/downloads',
    'local',
    'fetch a URL through this host and stream it',
  ),
  registry: route('ANY', '/v2/*', 'registry', 'OCI distribution API, pull part'),
  origin: route('GET', '/origin/*', 'origin', 'content of the origin that the path names'),
  storedBlob: route(
    'GET',
    '/docker/registry/v2/blobs/*',
    'origin',
    'a blob by its path in the storage of a registry',
  ),
  registryBase: route('ANY', '/v2/', 'registry', 'OCI distribution API, version check'),
} as const satisfies Record<string, Route>

export type RouteName = keyof typeof routes

/** Headers that we add; all lower case. */
export const headers = {
  /** Ticket for the task, on content requests. */
  ticket: 'df-ticket',
  /** Proof of the piece sent, on answers to requests for exactly one piece (codec/piece-proof.ts). */
  proof: 'df-proof',
  /** `tree`, `urgent` or `repair`: how a content request is ordered at the host that serves it. */
  priority: 'df-priority',
  /** The task an answer of the download route belongs to. */
  task: 'df-task',
  /** Marks what our own programs ask of origins: a redirect of such a request by way of us goes to its origin. */
  originRead: 'df-origin-read',
  /** Marks requests of our own programs on `local` routes. */
  client: 'df-client',
} as const

export type PiecePriority = 'tree' | 'urgent' | 'repair'

/** Path of a task's content below a peer's base URL. */
export function contentPath(task: TaskId): string {
  return routes.content.path.replace(':taskId', task)
}
