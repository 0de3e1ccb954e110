import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Route } from '@df/proto'
import type { FastifyInstance } from 'fastify'

/**
 * Has GET and HEAD of a route answered on Node's own response, for bodies that are streamed with care. The handler enforces
 * the route's access rule, answers every request, and never rejects.
 */
export function answerRaw(
  server: FastifyInstance,
  { path, access }: Route,
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): void {
  server.route({
    method: ['GET', 'HEAD'],
    url: path,
    config: { enforces: access },
    handler: async (request, reply) => {
      reply.hijack()
      await answer(request.raw, reply.raw)
    },
  })
}
