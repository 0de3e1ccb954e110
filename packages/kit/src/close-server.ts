import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { Socket } from 'node:net'
import type { FastifyInstance } from 'fastify'

export type WebServer = HttpServer | HttpsServer

/** How long answers under way may go on after a server was told to stop. */
export const CLOSE_GRACE_MS = 3000
const IDLE_SWEEP_MS = 100

const socketsOf = new WeakMap<WebServer, Set<Socket>>()

/**
 * Remembers a server's open sockets, those upgraded to another protocol too, which `closeAllConnections`
 * does not know. Called by the HTTP factory and by `listen`; calling it again changes nothing.
 */
export function trackSockets(server: WebServer): void {
  if (socketsOf.has(server)) return
  const sockets = new Set<Socket>()
  socketsOf.set(server, sockets)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
}

/**
 * Makes sure that a server which is being closed ends: a connection is closed when its answer is out, and
 * cut after `graceMs` whatever it does.
 */
export function cutAfterGrace(server: WebServer, graceMs: number): void {
  if (!server.listening) return
  const sweep = setInterval(() => server.closeIdleConnections(), IDLE_SWEEP_MS)
  const cut = setTimeout(() => {
    for (const socket of socketsOf.get(server) ?? []) socket.destroy()
  }, graceMs)
  server.once('close', () => {
    clearInterval(sweep)
    clearTimeout(cut)
  })
}

/**
 * Stops a server: no new connection, idle ones closed at once, the others when their answer is out or after
 * `graceMs`. A server that does not listen is fine.
 */
export async function closeServer(
  server: FastifyInstance | WebServer,
  graceMs: number = CLOSE_GRACE_MS,
): Promise<void> {
  if ('server' in server) {
    cutAfterGrace(server.server, graceMs)
    await server.close()
    return
  }
  if (!server.listening) return
  cutAfterGrace(server, graceMs)
  await new Promise<void>((resolve, reject) => {
    server.close((error) => (error === undefined ? resolve() : reject(error)))
  })
}
