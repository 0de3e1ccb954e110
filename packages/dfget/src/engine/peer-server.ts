import { createServer, type Server } from 'node:http'
import { closeServer, type ListenAddress, listen, problemOf } from '@df/kit'
import { AppError, contentPath, routes, type TaskId } from '@df/proto'
import type { PieceServer } from '@df/transfer'

/** Other hosts resume elsewhere at once, so an open transfer is cut soon. */
const CLOSE_GRACE_MS = 500

const contentPattern = new RegExp(`^${contentPath('([^/?]{1,128})' as TaskId)}$`)

/** The listener that other hosts fetch pieces from: {@link routes.content} and nothing else but a health answer. */
export class PeerServer {
  readonly #pieces: PieceServer
  readonly #address: ListenAddress
  #server: Server | undefined
  #port = 0

  constructor(pieces: PieceServer, address: ListenAddress) {
    this.#pieces = pieces
    this.#address = address
  }

  /** Port in use; known once started. */
  get port(): number {
    return this.#port
  }

  /** @throws AppError LISTEN_FAILED */
  async start(): Promise<void> {
    const server = createServer({ keepAliveTimeout: 65_000 }, (request, response) => {
      const path = request.url ?? '/'
      const isRead = request.method === 'GET' || request.method === 'HEAD'
      const task = contentPattern.exec(path)?.[1]
      if (isRead && task !== undefined) void this.#pieces.handle(request, response, task)
      else if (isRead && path === routes.healthz.path) response.end('ok\n')
      else {
        const code = isRead ? 'ROUTE_UNKNOWN' : 'METHOD_NOT_ALLOWED'
        const problem = problemOf(new AppError(code, 'this listener serves pieces only'))
        response.writeHead(problem.status, { 'content-type': 'application/problem+json' })
        response.end(JSON.stringify(problem))
      }
    })
    this.#server = server
    const bound = await listen(server, this.#address)
    this.#port = bound.port
  }

  async stop(): Promise<void> {
    if (this.#server !== undefined) await closeServer(this.#server, CLOSE_GRACE_MS)
  }
}
