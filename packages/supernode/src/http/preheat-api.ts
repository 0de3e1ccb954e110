import {
  AppError,
  PreheatJobSchema,
  PreheatListSchema,
  PreheatParamsSchema,
  type PreheatRequest,
  PreheatRequestSchema,
  routes,
} from '@df/proto'
import type { FastifyInstance } from 'fastify'
import type { Preheats } from '../preheat/preheats.ts'
import {
  EVENTS_TYPE,
  type EventEnvelope,
  EventEnvelopeSchema,
  pushesOf,
} from '../preheat/push-events.ts'

/** A thousand URLs of the longest kind. */
const MAX_BODY_BYTES = 16 * 1024 * 1024

export interface PreheatApiOptions {
  preheats: Preheats
  /** What registries tell of is preheated to these; undefined: not at all. */
  onPush: Pick<PreheatRequest, 'hosts'> | undefined
  /** The registries whose pushes count: what anybody else names is not read. */
  registries: Readonly<Record<string, string>>
}

interface PreheatRoute {
  Params: { preheatId: string }
}

/** Preheats, by operators and by registries that tell of pushes. */
export function registerPreheats(
  server: FastifyInstance,
  { preheats, onPush, registries }: PreheatApiOptions,
): void {
  const params = PreheatParamsSchema

  server.post<{ Body: PreheatRequest }>(
    routes.preheat.path,
    {
      bodyLimit: MAX_BODY_BYTES,
      schema: {
        body: PreheatRequestSchema,
        response: { 200: PreheatJobSchema, 202: PreheatJobSchema },
      },
    },
    async ({ body }, reply) => {
      const { job, isNew } = await preheats.post(body)
      return reply
        .code(isNew ? 202 : 200)
        .header('location', routes.preheatJob.path.replace(':preheatId', job.id))
        .send(job)
    },
  )

  server.get(
    routes.preheats.path,
    { schema: { response: { 200: PreheatListSchema } } },
    async () => ({ preheats: preheats.list() }),
  )

  server.get<PreheatRoute>(
    routes.preheatJob.path,
    { schema: { params, response: { 200: PreheatJobSchema } } },
    async (request) => preheats.get(request.params.preheatId),
  )

  server.delete<PreheatRoute>(
    routes.deletePreheat.path,
    { schema: { params } },
    async (request, reply) => {
      await preheats.delete(request.params.preheatId)
      return reply.code(204).send()
    },
  )

  server.addContentTypeParser(
    EVENTS_TYPE,
    { parseAs: 'string' },
    server.getDefaultJsonParser('error', 'error'),
  )
  server.post<{ Body: EventEnvelope }>(
    routes.registryEvents.path,
    { bodyLimit: MAX_BODY_BYTES, schema: { body: EventEnvelopeSchema } },
    async ({ body }, reply) => {
      if (onPush === undefined) {
        throw new AppError('FORBIDDEN', 'this SuperNode does not preheat what is pushed', {
          hint: 'start it with --preheat.on-push seed, or hosts',
        })
      }
      for (const { registry, repository, digest } of pushesOf(body)) {
        if (!Object.hasOwn(registries, registry)) continue
        const name = `${registry}/${repository}`
        await preheats.pushed(name, { images: [`${name}@${digest}`], ...onPush })
      }
      return reply.code(202).send()
    },
  )
}
