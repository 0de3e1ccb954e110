import { type Static, type TSchema, Type } from 'typebox'
import { BitfieldTextSchema } from './bitfield-text.ts'
import { DigestSchema } from './digest.ts'
import { GeometrySchema } from './geometry.ts'
import { HostIdSchema, TaskIdSchema } from './ids.ts'

/**
 * The session of a host with its SuperNode: one WebSocket at {@link routes.session}. Every text frame is a
 * JSON array of messages, in order. The host speaks first (`hello`); the SuperNode answers `welcome`, or
 * `refused` and closes. When a session is lost the host connects again and joins all its tasks again, with
 * the pieces it has: nothing about a swarm needs to survive in the SuperNode.
 */
export const PROTOCOL_VERSION = 2

/** A frame larger than this is refused by both sides, in bytes. */
export const MAX_FRAME_BYTES = 8 * 1024 * 1024

const strict = { additionalProperties: false } as const
const UrlText = Type.String({ minLength: 8, maxLength: 8192, pattern: '^https?://' })
const Word = Type.String({ maxLength: 256 })
const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })

/** Where a host (or the seed) serves content: `url` is the base that {@link routes.content} is below. */
export const PeerRefSchema = Type.Object({ host: HostIdSchema, url: UrlText }, strict)
export type PeerRef = Static<typeof PeerRefSchema>

export const TaskIdentitySchema = Type.Union([
  Type.Object({ kind: Type.Literal('blob'), digest: DigestSchema }, strict),
  Type.Object(
    {
      kind: Type.Literal('url'),
      canonicalUrl: UrlText,
      digest: Type.Optional(DigestSchema),
      tag: Type.Optional(Word),
      application: Type.Optional(Word),
    },
    strict,
  ),
])

/**
 * Where the content comes from when nobody has it. `headers` carry the caller's credentials and are present
 * only when the session runs over TLS or loopback (design §8.2); they are never stored.
 */
export const SourceSchema = Type.Object(
  {
    url: UrlText,
    headers: Type.Optional(
      Type.Record(Type.String({ maxLength: 128 }), Type.String({ maxLength: 32_768 })),
    ),
  },
  strict,
)
export type Source = Static<typeof SourceSchema>

/**
 * Which state of a changing origin a content is: '' for blobs (their digest says it), else a short hash of
 * the origin's validators. Contents of two generations are never mixed.
 */
export const GenerationSchema = Type.String({ maxLength: 64, pattern: '^[0-9a-f]*$' })

/** Bytes a host received for a task, by where they came from. */
export const BytesBySourceSchema = Type.Object({ peers: Count, seed: Count, origin: Count }, strict)
export type BytesBySource = Static<typeof BytesBySourceSchema>

/** Bytes a host received from another one; those of the seed under its SuperNode's id. */
export const SenderSchema = Type.Object({ host: HostIdSchema, bytes: Count }, strict)
export type Sender = Static<typeof SenderSchema>

/** As many senders one report names. */
export const MAX_REPORTED_SENDERS = 16

const message = <const T extends string, P extends Record<string, TSchema>>(
  type: T,
  properties: P,
) => Type.Object({ type: Type.Literal(type), ...properties }, strict)

const labelText = '[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?'

/** Words by which hosts are chosen, as Kubernetes labels: at most 64, keys and values of at most 63 characters, values may be empty. */
export const LabelsSchema = Type.Record(
  Type.String({ pattern: `^${labelText}$` }),
  Type.String({ pattern: `^(?:${labelText})?$` }),
  { additionalProperties: false, maxProperties: 64 },
)
export type Labels = Static<typeof LabelsSchema>

/** Names an order of a SuperNode; the same for the same wish of the same job, also after a restart. */
const OrderId = Type.String({ minLength: 1, maxLength: 128 })

/**
 * First message of a host. Rates are bytes per second, absent when unknown or unlimited. With `labels`, which may
 * be empty, the host takes orders ({@link Fetch}); without, it is not sent any.
 */
const Hello = message('hello', {
  protocol: Type.Integer({ minimum: 0, maximum: 65_535 }),
  host: HostIdSchema,
  url: UrlText,
  program: Word,
  upBps: Type.Optional(Count),
  downBps: Type.Optional(Count),
  labels: Type.Optional(LabelsSchema),
})

/**
 * The host wants the task. `have` (with the geometry it belongs to) is what it has already, after a restart
 * or a lost session. `generation` is what the host saw at the origin; absent when it did not ask.
 */
const Join = message('join', {
  task: TaskIdSchema,
  identity: TaskIdentitySchema,
  source: SourceSchema,
  generation: Type.Optional(GenerationSchema),
  geometry: Type.Optional(GeometrySchema),
  have: Type.Optional(BitfieldTextSchema),
})

/**
 * What the host has now; sent at the pace the welcome asked for while something changes, and when complete. `from`: who
 * sent how much in all, of those of whom that changed since the last report of this session.
 */
const Progress = message('progress', {
  task: TaskIdSchema,
  have: BitfieldTextSchema,
  received: BytesBySourceSchema,
  from: Type.Optional(Type.Array(SenderSchema, { maxItems: MAX_REPORTED_SENDERS })),
  /** The most that the host was seen to receive lately, bytes per second. */
  downBps: Type.Optional(Count),
})

/** A parent of the host does not answer. */
const Lost = message('lost', { task: TaskIdSchema, parent: HostIdSchema })

/** A parent of the host served a piece that does not match its signed hash. */
const Bad = message('bad', {
  task: TaskIdSchema,
  parent: HostIdSchema,
  piece: Type.Integer({ minimum: 0 }),
})

/** A host that fetches a stripe from this one takes it slower than the others do: this part of what the fastest takes. */
const Slow = message('slow', {
  task: TaskIdSchema,
  child: HostIdSchema,
  stripe: Type.Integer({ minimum: 0, maximum: 15 }),
  share: Type.Number({ minimum: 0, maximum: 1 }),
})

/** The host no longer has or wants the task. */
const Leave = message('leave', { task: TaskIdSchema })

/** How an order ended. `complete`: the host has all of the content. The SuperNode may order it again after `failed`. */
const Fetched = message('fetched', {
  task: TaskIdSchema,
  order: OrderId,
  state: Type.Union([Type.Literal('complete'), Type.Literal('failed')]),
  code: Type.Optional(Word),
  message: Type.Optional(Type.String({ maxLength: 2048 })),
})

export const HostMessageSchema = Type.Union([
  Hello,
  Join,
  Progress,
  Lost,
  Bad,
  Slow,
  Leave,
  Fetched,
])
export type HostMessage = Static<typeof HostMessageSchema>

/**
 * `publicKey`: raw Ed25519 key that piece proofs and tickets are signed with, base64url. `upBps`: what the SuperNode sends
 * to all hosts together at most, bytes per second; absent when it has no limit.
 */
const Welcome = message('welcome', {
  protocol: Type.Integer({ minimum: 0, maximum: 65_535 }),
  supernode: HostIdSchema,
  publicKey: Type.String({ pattern: '^[A-Za-z0-9_-]{43}$' }),
  reportEveryMs: Type.Integer({ minimum: 20, maximum: 60_000 }),
  upBps: Type.Optional(Count),
})

const Refused = message('refused', { code: Word, message: Type.String({ maxLength: 1024 }) })

/** The content is known. `ticket` admits the host to the task's content at the other hosts; it is renewed before it expires. */
const Task = message('task', {
  task: TaskIdSchema,
  geometry: GeometrySchema,
  generation: GenerationSchema,
  ticket: Type.String({ maxLength: 1024 }),
})

/**
 * From whom to fetch: `parents[s]` for stripe s, and spare neighbours to ask when a stripe lags. Replaces
 * the plan before. The seed appears as a parent under the SuperNode's own id.
 */
const Plan = message('plan', {
  task: TaskIdSchema,
  parents: Type.Array(PeerRefSchema, { minItems: 1, maxItems: 16 }),
  spares: Type.Array(PeerRefSchema, { maxItems: 16 }),
})

/** The seed is alive but no piece came of it for a while: `bytes` read from the origin so far. */
const Seeding = message('seeding', { task: TaskIdSchema, bytes: Count })

/**
 * The SuperNode cannot help with the task. `status` and `headers` are the origin's own answer, when the
 * reason is the origin (only `www-authenticate` and `retry-after` are passed on).
 */
const Failed = message('failed', {
  task: TaskIdSchema,
  code: Word,
  message: Type.String({ maxLength: 2048 }),
  status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
  headers: Type.Optional(Type.Record(Type.String(), Type.String({ maxLength: 8192 }))),
})

/**
 * An order: fetch the whole content through the swarm and keep it, though nobody on the host asked. Idempotent: the
 * SuperNode sends its open orders again to every new session of the host; one that has it all answers at once.
 */
const Fetch = message('fetch', {
  task: TaskIdSchema,
  order: OrderId,
  identity: TaskIdentitySchema,
  source: SourceSchema,
})

/** The order is void: the host stops, if it still fetches for this order alone. What is stored stays. */
const ForgetOrder = message('forget-order', { task: TaskIdSchema, order: OrderId })

export const SupernodeMessageSchema = Type.Union([
  Welcome,
  Refused,
  Task,
  Plan,
  Seeding,
  Failed,
  Fetch,
  ForgetOrder,
])
export type SupernodeMessage = Static<typeof SupernodeMessageSchema>

export const HostFrameSchema = Type.Array(HostMessageSchema, { maxItems: 4096 })
export const SupernodeFrameSchema = Type.Array(SupernodeMessageSchema, { maxItems: 4096 })

/** One message kind out of a union of messages. */
export type MessageOf<M extends { type: string }, T extends M['type']> = Extract<M, { type: T }>
