import {
  HostListSchema,
  PeerListSchema,
  PieceMapSchema,
  ProblemSchema,
  type RouteName,
  routes,
  TaskInfoSchema,
  TaskListSchema,
  TaskParamsSchema,
} from '@df/proto'
import type { TSchema } from 'typebox'

/** What each route of the API answers; routes and schemas are those the server itself uses. */
const answers = {
  tasks: TaskListSchema,
  task: TaskInfoSchema,
  taskPeers: PeerListSchema,
  taskPieces: PieceMapSchema,
  deleteTask: undefined,
  hosts: HostListSchema,
} as const satisfies Partial<Record<RouteName, TSchema | undefined>>

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
      ...(template === path ? {} : { parameters: pathParameters() }),
      responses: {
        ...(schema === undefined
          ? { 204: { description: 'done' } }
          : { 200: { description: summary, content: { 'application/json': { schema } } } }),
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

function pathParameters(): Record<string, unknown>[] {
  return Object.entries(TaskParamsSchema.properties).map(([name, schema]) => ({
    name,
    in: 'path',
    required: true,
    schema,
  }))
}
