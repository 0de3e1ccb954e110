import { type Static, Type } from 'typebox'
import { DownloadRequestSchema } from './api.ts'
import { DigestSchema } from './digest.ts'
import { HostIdSchema, TaskIdSchema } from './ids.ts'
import { LabelsSchema } from './session.ts'

const strict = { additionalProperties: false } as const
const Count = Type.Integer({ minimum: 0 })
const Time = Type.String({ format: 'date-time' })
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])

/** Most images and URLs of one request. */
export const MAX_PREHEAT_SUBJECTS = 1000

/** How to convince a registry: by name and password, or by a token that it takes as it is. */
export const RegistryCredentialsSchema = Type.Union([
  Type.Object(
    {
      username: Type.String({ minLength: 1, maxLength: 1024 }),
      password: Type.String({ maxLength: 32_768 }),
    },
    strict,
  ),
  Type.Object({ token: Type.String({ pattern: '^[!-~]+$', maxLength: 32_768 }) }, strict),
])
export type RegistryCredentials = Static<typeof RegistryCredentialsSchema>

/** Which hosts get the content: all that take orders and fit every word given. */
export const PreheatHostsSchema = Type.Object(
  {
    /** Labels that a host must have with exactly these values. */
    labels: Type.Optional(LabelsSchema),
    /** How many of the hosts that fit: more than 0, at most 1 for all; rounded up. */
    share: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1 })),
    names: Type.Optional(Type.Array(HostIdSchema, { minItems: 1, maxItems: 10_000 })),
  },
  strict,
)
export type PreheatHosts = Static<typeof PreheatHostsSchema>

const RegistryHost = Type.String({ minLength: 1, maxLength: 300 })
const { url, digest, headers, tag, application, filterQuery } = DownloadRequestSchema.properties

const kept = {
  /** Image references. */
  images: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 1024 }), { maxItems: MAX_PREHEAT_SUBJECTS }),
  ),
  urls: Type.Optional(Type.Array(url, { maxItems: MAX_PREHEAT_SUBJECTS })),
  /** `OS/ARCHITECTURE[/VARIANT]` of an index's children; absent, empty or `all`: every one. */
  platforms: Type.Optional(
    Type.Array(
      Type.String({ pattern: '^(all|[a-z0-9_.-]{1,64}/[a-z0-9_.-]{1,64}(/[a-z0-9_.-]{1,64})?)$' }),
      { maxItems: 64 },
    ),
  ),
  /** Also what refers to the images: signatures, SBOMs. */
  referrers: Type.Optional(Type.Boolean()),
  /** Absent: to the SuperNode's own store only. */
  hosts: Type.Optional(PreheatHostsSchema),
  /** Base URLs of registries that are not at https://HOST, by host. */
  registries: Type.Optional(Type.Record(RegistryHost, Type.String({ pattern: '^https?://' }))),
  digest,
  tag,
  application,
  filterQuery,
}

/**
 * Body of {@link routes.preheat}: what to bring to the SuperNode, and to hosts, before anybody pulls it. At least
 * one image or URL. `digest`, `tag`, `application` and `filterQuery` are about URLs, as in a download; `digest` takes
 * one URL. Credentials (by registry host) and headers (for URLs) stay in memory, and are never shown.
 */
export const PreheatRequestSchema = Type.Object(
  {
    ...kept,
    credentials: Type.Optional(Type.Record(RegistryHost, RegistryCredentialsSchema)),
    headers,
  },
  strict,
)
export type PreheatRequest = Static<typeof PreheatRequestSchema>

/** What is kept and shown of a request: everything but its secrets. */
export const KeptPreheatRequestSchema = Type.Object(kept, strict)
export type KeptPreheatRequest = Static<typeof KeptPreheatRequestSchema>

const StepState = Type.Union([
  Type.Literal('waiting'),
  Type.Literal('running'),
  Type.Literal('complete'),
  Type.Literal('failed'),
])
export type PreheatStepState = Static<typeof StepState>

export const PreheatErrorSchema = Type.Object(
  { code: Type.String(), message: Type.String(), hint: Type.Optional(Type.String()) },
  strict,
)
export type PreheatError = Static<typeof PreheatErrorSchema>

/**
 * One content of a job. `of`: the image or URL of the request that it belongs to. `complete`: the SuperNode and every
 * chosen host has it.
 */
export const PreheatItemSchema = Type.Object(
  {
    task: TaskIdSchema,
    url: Type.String(),
    digest: nullable(DigestSchema),
    contentLength: nullable(Count),
    of: Type.String(),
    platform: nullable(Type.String()),
    state: StepState,
    error: nullable(PreheatErrorSchema),
    seed: Type.Object({ haveBytes: Count, state: StepState }, strict),
    hosts: Type.Array(
      Type.Object(
        {
          host: HostIdSchema,
          state: StepState,
          haveBytes: Count,
          error: nullable(PreheatErrorSchema),
        },
        strict,
      ),
    ),
  },
  strict,
)
export type PreheatItem = Static<typeof PreheatItemSchema>

/** `failed`: something of it failed and nothing runs any more. One that is cancelled is gone. */
export const PreheatStateSchema = Type.Union([
  Type.Literal('running'),
  Type.Literal('complete'),
  Type.Literal('failed'),
])
export type PreheatState = Static<typeof PreheatStateSchema>

const summary = {
  id: Type.String(),
  state: PreheatStateSchema,
  createdAt: Time,
  finishedAt: nullable(Time),
  request: KeptPreheatRequestSchema,
  /** `bytes`: of all contents, null until every length is known; `haveBytes`: of them at the SuperNode. */
  totals: Type.Object(
    {
      items: Count,
      complete: Count,
      failed: Count,
      bytes: nullable(Count),
      haveBytes: Count,
      hosts: Count,
    },
    strict,
  ),
  /** What failed that is no item: images that could not be resolved, hosts that could not be had. */
  errors: Type.Array(Type.Object({ of: Type.String(), error: PreheatErrorSchema }, strict)),
}

export const PreheatSummarySchema = Type.Object(summary, strict)
export type PreheatSummary = Static<typeof PreheatSummarySchema>
export const PreheatJobSchema = Type.Object(
  { ...summary, items: Type.Array(PreheatItemSchema) },
  strict,
)
export type PreheatJob = Static<typeof PreheatJobSchema>
export const PreheatListSchema = Type.Object({ preheats: Type.Array(PreheatSummarySchema) }, strict)

export const PreheatParamsSchema = Type.Object(
  { preheatId: Type.String({ pattern: '^[0-9a-f]{16}$' }) },
  strict,
)
