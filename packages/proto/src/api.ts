import { type Static, Type } from 'typebox'
import { BitfieldTextSchema } from './bitfield-text.ts'
import { DigestSchema } from './digest.ts'
import { HostIdSchema, TaskIdSchema } from './ids.ts'
import { BytesBySourceSchema, LabelsSchema } from './session.ts'

const strict = { additionalProperties: false } as const
const Count = Type.Integer({ minimum: 0 })
const Time = Type.String({ format: 'date-time' })
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** Error body of our APIs (RFC 9457). */
export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String(),
    detail: Type.Optional(Type.String()),
    hint: Type.Optional(Type.String()),
  },
  strict,
)
export type Problem = Static<typeof ProblemSchema>

export const TaskParamsSchema = Type.Object({ taskId: TaskIdSchema }, strict)

/** `seeding`: being read from the origin · `complete`: the SuperNode has all of it · `failed` · `idle`: known, not being read */
export const TaskStateSchema = Type.Union([
  Type.Literal('seeding'),
  Type.Literal('complete'),
  Type.Literal('failed'),
  Type.Literal('idle'),
])
export type TaskState = Static<typeof TaskStateSchema>

/** A task as the SuperNode sees it. Sizes are bytes; `url` has no query and no user info. */
export const TaskInfoSchema = Type.Object(
  {
    id: TaskIdSchema,
    kind: Type.Union([Type.Literal('blob'), Type.Literal('url')]),
    url: Type.String(),
    digest: nullable(DigestSchema),
    state: TaskStateSchema,
    contentLength: nullable(Count),
    pieceSize: nullable(Count),
    pieces: nullable(Count),
    seedPieces: Count,
    peers: Count,
    completePeers: Count,
    originBytes: Count,
    uploadedBytes: Count,
    createdAt: Time,
    error: nullable(Type.String()),
  },
  strict,
)
export type TaskInfo = Static<typeof TaskInfoSchema>
export const TaskListSchema = Type.Object({ tasks: Type.Array(TaskInfoSchema) }, strict)

export const PeerInfoSchema = Type.Object(
  {
    host: HostIdSchema,
    url: Type.String(),
    pieces: Count,
    complete: Type.Boolean(),
    banned: Type.Boolean(),
    parents: Type.Array(HostIdSchema),
    children: Count,
    received: BytesBySourceSchema,
  },
  strict,
)
export type PeerInfo = Static<typeof PeerInfoSchema>
export const PeerListSchema = Type.Object({ peers: Type.Array(PeerInfoSchema) }, strict)

export const PieceMapSchema = Type.Object(
  {
    pieces: Count,
    seed: BitfieldTextSchema,
    hosts: Type.Array(Type.Object({ host: HostIdSchema, have: BitfieldTextSchema }, strict)),
  },
  strict,
)
export type PieceMap = Static<typeof PieceMapSchema>

export const HostInfoSchema = Type.Object(
  {
    id: HostIdSchema,
    url: Type.String(),
    program: Type.String(),
    connectedAt: Time,
    tasks: Count,
    /** Null: the host takes no orders, so nothing is preheated to it. */
    labels: nullable(LabelsSchema),
  },
  strict,
)
export type HostInfo = Static<typeof HostInfoSchema>
export const HostListSchema = Type.Object({ hosts: Type.Array(HostInfoSchema) }, strict)

/** A task as one host sees it: an answer of a dfdaemon to {@link routes.tasks}. `url` has no query and no user info. */
export const HostTaskSchema = Type.Object(
  {
    id: TaskIdSchema,
    url: Type.String(),
    digest: nullable(DigestSchema),
    state: Type.Union([Type.Literal('fetching'), Type.Literal('complete'), Type.Literal('failed')]),
    contentLength: Count,
    haveBytes: Count,
    received: BytesBySourceSchema,
    startedAt: Time,
    finishedAt: nullable(Time),
    error: nullable(Type.String()),
  },
  strict,
)
export type HostTask = Static<typeof HostTaskSchema>
export const HostTaskListSchema = Type.Object({ tasks: Type.Array(HostTaskSchema) }, strict)

/** Body of {@link routes.download}. Rates are bytes per second; 0 and absent mean no limit. */
export const DownloadRequestSchema = Type.Object(
  {
    url: Type.String({ minLength: 8, maxLength: 8192 }),
    digest: Type.Optional(DigestSchema),
    headers: Type.Optional(
      Type.Record(Type.String({ maxLength: 128 }), Type.String({ maxLength: 32_768 })),
    ),
    tag: Type.Optional(Type.String({ maxLength: 256 })),
    application: Type.Optional(Type.String({ maxLength: 256 })),
    filterQuery: Type.Optional(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 64 })),
    /** First byte wanted; what lies before was received already. */
    offset: Type.Optional(Count),
    rateLimitBps: Type.Optional(Count),
  },
  strict,
)
export type DownloadRequest = Static<typeof DownloadRequestSchema>
