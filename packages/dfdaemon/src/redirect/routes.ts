import { type RedirectOptions, redirectHandler } from '@df/oci'
import { routes } from '@df/proto'
import type { FastifyInstance } from 'fastify'

/** Content that a registry redirects its callers to. */
export function registerRedirectRoutes(server: FastifyInstance, options: RedirectOptions): void {
  const answer = redirectHandler(options)
  for (const { path, access } of [routes.origin, routes.storedBlob]) {
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
}
