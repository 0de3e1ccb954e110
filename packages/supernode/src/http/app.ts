import { answerRaw, createHttpServer, type HttpServerOptions } from '@df/kit'
import { AppError, routes, type TaskId } from '@df/proto'
import type { PieceServer } from '@df/transfer'
import type { FastifyInstance } from 'fastify'
import { type ApiOptions, registerApi } from './api.ts'
import { type PreheatApiOptions, registerPreheats } from './preheat-api.ts'

export interface AppOptions {
  http: HttpServerOptions
  api: ApiOptions
  preheat: PreheatApiOptions
  pieces: PieceServer
  /** Answers callers that a registry redirected here. */
  redirected: Parameters<typeof answerRaw>[2]
}

/** All routes of the SuperNode; sessions come in as upgrades of {@link routes.session}. */
export function createApp({ http, api, preheat, pieces, redirected }: AppOptions): FastifyInstance {
  const server = createHttpServer(http)
  registerApi(server, api)
  registerPreheats(server, preheat)

  for (const route of [routes.origin, routes.storedBlob]) answerRaw(server, route, redirected)

  server.get<{ Params: { taskId: TaskId } }>(
    routes.content.path,
    { config: { enforces: 'ticket' }, exposeHeadRoute: true },
    async (request, reply) => {
      reply.hijack()
      await pieces.handle(request.raw, reply.raw, request.params.taskId)
    },
  )

  server.get(routes.session.path, { config: { enforces: 'host' } }, async () => {
    throw new AppError('PROTOCOL_UNSUPPORTED', 'this address speaks WebSocket', {
      hint: 'hosts connect to it by themselves; operators use the routes below /api',
    })
  })
  return server
}
