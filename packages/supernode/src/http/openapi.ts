import {
  HostListSchema,
  PeerListSchema,
  PieceMapSchema,
  PreheatJobSchema,
  PreheatListSchema,
  PreheatParamsSchema,
  PreheatRequestSchema,
  ProblemSchema,
  type RouteName,
  routes,
  SwarmInfoSchema,
  TaskInfoSchema,
  TaskListSchema,
  TaskParamsSchema,
} from '@df/proto'
import type { TSchema } from 'typebox'
import { EVENTS_TYPE, EventEnvelopeSchema } from '../preheat/push-events.ts'

/** What each route of the API answers; routes and schemas are those the server itself uses. */
const answers = {
  tasks: TaskListSchema,
  task: TaskInfoSchema,
  taskPeers: PeerListSchema,
  taskSwarm: SwarmInfoSchema,
  taskPieces: PieceMapSchema,
  deleteTask: undefined,
  preheat: PreheatJobSchema,
  preheats: PreheatListSchema,
  preheatJob: PreheatJobSchema,
  deletePreheat: undefined,
  registryEvents: undefined,
  hosts: HostListSchema,
} as const satisfies Partial<Record<RouteName, TSchema | undefined>>

/** What routes take. */
const bodies: Partial<Record<string, Record<string, { schema: TSchema }>>> = {
  preheat: { 'application/json': { schema: PreheatRequestSchema } },
  registryEvents: { [EVENTS_TYPE]: { schema: EventEnvelopeSchema } },
}

/** Routes that answer before what they ask for is done. */
const accepting = new Set(['preheat', 'registryEvents'])

/** The REST API as an OpenAPI 3.1 document. */
export function openApiDocument(version: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {}
  for (const [name, schema] of Object.entries(answers)) {
    // The keys of `answers` are route names: `satisfies` above says so.
    const { method, path, summary } = routes[name as keyof typeof answers]
    const template = path.replaceAll(/:(\w+)/g, '{$1}')
    const operations = paths[template] ?? {}
    operations[method.toLowerCase()] = {
      operationId: name,
      summary,
      ...(template === path ? {} : { parameters: pathParameters(path) }),
      ...(bodies[name] === undefined
        ? {}
        : { requestBody: { required: true, content: bodies[name] } }),
      responses: {
        ...(accepting.has(name) ? { 202: answer('accepted', schema) } : {}),
        ...(schema === undefined
          ? accepting.has(name)
            ? {}
            : { 204: answer('done', undefined) }
          : { 200: answer(summary, schema) }),
        default: { $ref: '#/components/responses/Problem' },
      },
    }
    paths[template] = operations
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'SuperNode',
      version,
      description: 'Tasks, hosts and piece maps of a SuperNode, for people and scripts.',
    },
    security: [{}, { operatorToken: [] }],
    paths,
    components: {
      securitySchemes: {
        operatorToken: {
          type: 'http',
          scheme: 'bearer',
          description: 'needed by callers that are not on the same host',
        },
      },
      responses: {
        Problem: {
          description: 'what went wrong (RFC 9457)',
          content: { 'application/problem+json': { schema: ProblemSchema } },
        },
      },
    },
  }
}

function answer(description: string, schema: TSchema | undefined): Record<string, unknown> {
  return {
    description,
    ...(schema === undefined ? {} : { content: { 'application/json': { schema } } }),
  }
}

function pathParameters(path: string): Record<string, unknown>[] {
  const { properties } = path.includes(':preheatId') ? PreheatParamsSchema : TaskParamsSchema
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    in: 'path',
    required: true,
    schema,
  }))
}
