import { type Static, Type } from 'typebox'
import { BitfieldTextSchema } from './bitfield-text.ts'
import { DigestSchema } from './digest.ts'
import { HostIdSchema, TaskIdSchema } from './ids.ts'
import { BytesBySourceSchema, LabelsSchema, SenderSchema } from './session.ts'

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
    /** Bytes per second that its links are believed to carry; null: nothing is known. */
    upBps: nullable(Count),
    downBps: nullable(Count),
    /** From its join until it had all of it; null: not yet, or it had all of it when it joined. */
    finishedAfterMs: nullable(Count),
  },
  strict,
)
export type PeerInfo = Static<typeof PeerInfoSchema>
export const PeerListSchema = Type.Object({ peers: Type.Array(PeerInfoSchema) }, strict)

/**
 * How near a swarm comes to what its links allow. Times, and the bytes of seed and origin, are of the newest wave: from
 * the first host that fetches until none does. The floor takes its hosts to come at once.
 */
export const SwarmInfoSchema = Type.Object(
  {
    task: TaskIdSchema,
    /** Under which id the SuperNode's own copy stands in the edges. */
    seed: HostIdSchema,
    contentLength: nullable(Count),
    /** Hosts in the swarm now. */
    hosts: Count,
    /** Hosts of the wave that had to fetch it, and how many of them have all of it. */
    fetching: Count,
    finished: Count,
    /** Least time until the last of them can have it, by the rates that are known; null when no rate is. */
    floorMs: nullable(Type.Number()),
    /** Rates that would be needed to be sure of the floor; null when all are known. */
    floorLacks: nullable(Type.String()),
    /** From their joins until they had it, of the hosts that finished. */
    medianMs: nullable(Count),
    slowestMs: nullable(Count),
    medianFloorRatio: nullable(Type.Number()),
    slowestFloorRatio: nullable(Type.Number()),
    /** What the SuperNode sent, and what it read from the origin, for each byte of the content. */
    seedRatio: nullable(Type.Number()),
    originRatio: nullable(Type.Number()),
    /** Who sent how much to whom, the greatest first. Kept after hosts have left. */
    edges: Type.Array(Type.Object({ from: HostIdSchema, to: HostIdSchema, bytes: Count }, strict)),
    /** Bytes between hosts, or from the seed, of which no edge tells. */
    otherBytes: Count,
  },
  strict,
)
export type SwarmInfo = Static<typeof SwarmInfoSchema>

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

/** What a host can tell of how well a task went. */
export const TaskEfficiencySchema = Type.Object(
  {
    /** Who sent how much, the greatest first; the seed has its SuperNode's id. */
    receivedFrom: Type.Array(SenderSchema),
    /** What further hosts sent together. */
    receivedFromOthers: Count,
    /** Pieces that came a second time, in vain. */
    repeatedPieces: Count,
    /** Pieces asked of others than the parent of their stripe, as that was late. */
    repairedPieces: Count,
    firstByteMs: nullable(Count),
    /** So far, or until it ended. */
    durationMs: Count,
    /** Least time in which this host could have received those bytes; null: no rate is known, or it has not finished. */
    floorMs: nullable(Type.Number()),
    /** Which rate the floor is of: the limit set, the most this host was seen to receive, or what the SuperNode sends. */
    floorBy: nullable(
      Type.Union([Type.Literal('limit'), Type.Literal('seen'), Type.Literal('seed')]),
    ),
    /** Duration ÷ floor. */
    floorRatio: nullable(Type.Number()),
  },
  strict,
)
export type TaskEfficiency = Static<typeof TaskEfficiencySchema>

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
    efficiency: Type.Optional(TaskEfficiencySchema),
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
