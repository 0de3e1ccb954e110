import type { RegisteredRoute } from '@df/kit'
import {
  type Access,
  DownloadRequestSchema,
  HostTaskListSchema,
  HostTaskSchema,
  PreheatJobSchema,
  PreheatRequestSchema,
  routes,
  SwarmInfoSchema,
  TaskInfoSchema,
} from '@df/proto'
import { markdownTable } from './markdown-table.ts'
import { shapeOf } from './schema-shape.ts'

const access: Readonly<Record<Access, string>> = {
  anyone: 'no secret behind it',
  operator: 'callers on loopback, or with `Authorization: Bearer` and the operator token',
  local: 'programs of the same host, with the header `df-client`',
  host: 'sessions of hosts',
  ticket: 'hosts with a ticket of the SuperNode for the task',
  registry: 'callers whose right the registry confirms with their own credentials',
  origin: 'callers whose right the storage confirms with the query of their own URL',
}

/** Bodies worth a look; all of the SuperNode's are in the OpenAPI document. */
const bodies: readonly (readonly [title: string, schema: object])[] = [
  [`a task of the SuperNode: \`GET ${routes.task.path}\``, TaskInfoSchema],
  [`how its swarm does: \`GET ${routes.taskSwarm.path}\``, SwarmInfoSchema],
  [`a preheat: \`POST ${routes.preheat.path}\``, PreheatRequestSchema],
  [`what becomes of it: \`GET ${routes.preheatJob.path}\``, PreheatJobSchema],
  [`a task of a dfdaemon: \`GET ${routes.task.path}\``, HostTaskSchema],
  [`all of them: \`GET ${routes.tasks.path}\``, HostTaskListSchema],
  [`a download through a dfdaemon: \`POST ${routes.download.path}\``, DownloadRequestSchema],
]

/** Markdown: every route of the programs, who may use it, and the bodies. */
export function httpApiPage(served: Readonly<Record<string, readonly RegisteredRoute[]>>): string {
  return [
    '# HTTP API',
    '',
    "Errors are problem documents (RFC 9457) with `code` and `hint`, see [exit-codes.md](exit-codes.md); on `/v2/` they have the registry's form.",
    "The SuperNode's API as OpenAPI 3.1: [supernode-openapi.json](supernode-openapi.json), also at `/api/v1/openapi.json`.",
    '',
    ...markdownTable(
      ['Access', 'Who may use it'],
      Object.entries(access).map(([rule, meaning]) => [rule, meaning]),
    ),
    ...Object.entries(served).flatMap(([program, list]) => [
      `## ${program}`,
      '',
      ...markdownTable(['Method', 'Path', 'Access', 'What'], rowsOf(list)),
    ]),
    '## Bodies',
    '',
    'A question mark: may be absent.',
    '',
    ...bodies.flatMap(([title, schema]) => [title, '', '```text', shapeOf(schema), '```', '']),
  ].join('\n')
}

function rowsOf(served: readonly RegisteredRoute[]): string[][] {
  const rows = served
    .filter(({ method }) => method !== 'HEAD')
    .map(({ method, path, access: rule }) => {
      const known = Object.values(routes).find(
        (route) => route.path === path && (route.method === method || route.method === 'ANY'),
      )
      const shown = known?.method === 'ANY' ? 'GET, HEAD' : method
      return [shown, `\`${path}\``, rule, known?.summary ?? '']
    })
  const unique = new Map(rows.map((row) => [row.join(' '), row]))
  return [...unique.values()].toSorted(([, a = ''], [, b = '']) => (a < b ? -1 : 1))
}
