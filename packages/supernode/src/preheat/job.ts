import {
  type Digest,
  type HostId,
  HostIdSchema,
  KeptPreheatRequestSchema,
  type PreheatError,
  PreheatErrorSchema,
  PreheatStateSchema,
  type PreheatStepState,
  type TaskId,
  type TaskIdentity,
  TaskIdentitySchema,
  TaskIdSchema,
} from '@df/proto'
import { type Static, Type } from 'typebox'

/** Most contents of one job. */
export const MAX_ITEMS = 10_000
/** Most pairs of a content and a host. */
const MAX_STEPS = 1_000_000

const strict = { additionalProperties: false } as const
const nullable = <T extends Type.TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const Count = Type.Integer({ minimum: 0 })
const StepLetter = Type.Union([
  Type.Literal('w'),
  Type.Literal('r'),
  Type.Literal('c'),
  Type.Literal('f'),
])

/** An image or URL of the request. `complete`: what it is made of is among the items. */
const SubjectSchema = Type.Object(
  {
    kind: Type.Union([Type.Literal('image'), Type.Literal('url')]),
    of: Type.String(),
    state: Type.Union([Type.Literal('waiting'), Type.Literal('complete'), Type.Literal('failed')]),
  },
  strict,
)

const ItemSchema = Type.Object(
  {
    task: TaskIdSchema,
    identity: TaskIdentitySchema,
    /** Where it is read, without anything secret. */
    url: Type.String(),
    of: Type.String(),
    platform: nullable(Type.String()),
    contentLength: nullable(Count),
    seed: StepLetter,
    seedError: nullable(PreheatErrorSchema),
    /** One letter for each host of the job: waiting, running, complete, failed. */
    hosts: Type.String({ pattern: '^[wrcf]*$' }),
    hostErrors: Type.Record(Type.String(), PreheatErrorSchema),
  },
  strict,
)

/** A job as it is kept, in memory and in its file; without any secret. */
export const JobSchema = Type.Object(
  {
    version: Type.Literal(1),
    id: Type.String(),
    /** See `prepareRequest`. */
    key: Type.String(),
    createdAtMs: Count,
    finishedAtMs: nullable(Count),
    state: PreheatStateSchema,
    request: KeptPreheatRequestSchema,
    /** The request came with secrets, which a restart loses. */
    hadSecrets: Type.Boolean(),
    hosts: Type.Array(HostIdSchema),
    subjects: Type.Array(SubjectSchema),
    items: Type.Array(ItemSchema),
    errors: Type.Array(Type.Object({ of: Type.String(), error: PreheatErrorSchema }, strict)),
  },
  strict,
)
export type Job = Static<typeof JobSchema>
export type Item = Job['items'][number]

/** A content that a subject turned out to be made of. */
export interface NewItem {
  task: TaskId
  identity: TaskIdentity
  url: string
  platform: string | null
}

export interface NewJob {
  id: string
  key: string
  createdAtMs: number
  request: Job['request']
  hadSecrets: boolean
  hosts: HostId[]
}

export type JobEvent =
  | { type: 'subject'; kind: 'image' | 'url'; of: string }
  | { type: 'resolved'; subject: number; items: readonly NewItem[] }
  | { type: 'unresolved'; subject: number; error: PreheatError }
  /** Something that is about no single content. */
  | { type: 'trouble'; of: string; error: PreheatError }
  | { type: 'trouble-over'; of: string }
  | { type: 'seeding' | 'seeded'; item: number }
  | { type: 'known'; item: number; contentLength: number }
  | { type: 'seed-failed'; item: number; error: PreheatError }
  | { type: 'ordered' | 'fetched'; item: number; host: HostId }
  | { type: 'order-failed'; item: number; host: HostId; error: PreheatError }
  /** `by` takes the place of a host that went for good. */
  | { type: 'replaced'; host: HostId; by: HostId }
  | { type: 'restarted' }

export function newJob({ id, key, createdAtMs, request, hadSecrets, hosts }: NewJob): Job {
  const job: Job = {
    version: 1,
    id,
    key,
    createdAtMs,
    finishedAtMs: null,
    state: 'running',
    request,
    hadSecrets,
    hosts,
    subjects: [],
    items: [],
    errors: [],
  }
  for (const of of request.images ?? []) job.subjects.push({ kind: 'image', of, state: 'waiting' })
  for (const of of request.urls ?? []) job.subjects.push({ kind: 'url', of, state: 'waiting' })
  return job
}

/**
 * Applies an event to a job, in place. What comes too late (the job has ended, the step has) changes nothing. The job
 * ends by itself with the last of its steps.
 */
export function applyEvent(job: Job, event: JobEvent, nowMs: number): void {
  if (job.state !== 'running') return
  change(job, event)
  // Looking at all items takes a while: not for each of 100 hosts of each of 10,000 items.
  const item = 'item' in event ? job.items[event.item] : undefined
  if (item !== undefined && !isItemSettled(item)) return
  if (!isSettled(job)) return
  const failed = job.errors.length > 0 || job.items.some((one) => itemState(one) === 'failed')
  job.state = failed ? 'failed' : 'complete'
  job.finishedAtMs = nowMs
}

/** Failed as soon as nothing of it runs any more and something failed. */
export function itemState({ seed, hosts }: Item): PreheatStepState {
  if (seed === 'w' && !/[rcf]/.test(hosts)) return 'waiting'
  if (seed === 'w' || seed === 'r' || /[wr]/.test(hosts)) return 'running'
  return seed === 'f' || hosts.includes('f') ? 'failed' : 'complete'
}

export function isItemSettled(item: Item): boolean {
  const state = itemState(item)
  return state === 'complete' || state === 'failed'
}

const steps = { w: 'waiting', r: 'running', c: 'complete', f: 'failed' } as const

/** What the letter of a step stands for. */
export function stepState(letter: string | undefined): PreheatStepState {
  return steps[letter as keyof typeof steps] ?? 'waiting'
}

function isSettled({ subjects, items }: Job): boolean {
  return subjects.every(({ state }) => state !== 'waiting') && items.every(isItemSettled)
}

function change(job: Job, event: JobEvent): void {
  if ('item' in event) {
    const item = job.items[event.item]
    if (item !== undefined) changeItem(job, item, event)
    return
  }
  switch (event.type) {
    case 'subject':
      if (job.subjects.some(({ of }) => of === event.of)) return
      job.subjects.push({ kind: event.kind, of: event.of, state: 'waiting' })
      return
    case 'resolved':
      addItems(job, event.subject, event.items)
      return
    case 'unresolved':
      failSubject(job, event.subject, event.error)
      return
    case 'trouble':
      change(job, { type: 'trouble-over', of: event.of })
      job.errors.push({ of: event.of, error: event.error })
      return
    case 'trouble-over':
      job.errors = job.errors.filter(({ of }) => of !== event.of)
      return
    case 'replaced':
      replaceHost(job, event.host, event.by)
      return
    case 'restarted':
      for (const item of job.items) {
        if (item.seed === 'r') item.seed = 'w'
        item.hosts = item.hosts.replaceAll('r', 'w')
      }
  }
}

function changeItem(job: Job, item: Item, event: Extract<JobEvent, { item: number }>): void {
  switch (event.type) {
    case 'seeding':
      if (item.seed === 'w') item.seed = 'r'
      return
    case 'known':
      item.contentLength = event.contentLength
      return
    case 'seeded':
      if (item.seed !== 'f') item.seed = 'c'
      return
    case 'seed-failed':
      item.seed = 'f'
      item.seedError = event.error
      // Without the SuperNode's copy no host gets it; one that has it all has it.
      item.hosts = item.hosts.replaceAll(/[wr]/g, 'f')
      return
    case 'ordered':
      setStep(job, item, { host: event.host, from: 'w', to: 'r' })
      return
    case 'fetched':
      setStep(job, item, { host: event.host, from: 'wr', to: 'c' })
      return
    case 'order-failed':
      if (setStep(job, item, { host: event.host, from: 'wr', to: 'f' })) {
        item.hostErrors[event.host] = event.error
      }
  }
}

function setStep(
  { hosts }: Job,
  item: Item,
  { host, from, to }: { host: HostId; from: string; to: string },
): boolean {
  const at = hosts.indexOf(host)
  const before = item.hosts[at]
  if (before === undefined || !from.includes(before)) return false
  item.hosts = item.hosts.slice(0, at) + to + item.hosts.slice(at + 1)
  return true
}

function addItems(job: Job, subject: number, items: readonly NewItem[]): void {
  const entry = job.subjects[subject]
  if (entry?.state !== 'waiting') return
  const known = new Set(job.items.map(({ task }) => task))
  const fresh = items.filter(({ task }) => !known.has(task))
  const count = job.items.length + fresh.length
  if (count > MAX_ITEMS || count * job.hosts.length > MAX_STEPS) {
    failSubject(job, subject, {
      code: 'REQUEST_INVALID',
      message: `the job would have ${count} contents for ${job.hosts.length} hosts; at most ${MAX_ITEMS}, and ${MAX_STEPS} with their hosts`,
      hint: 'split it into several jobs',
    })
    return
  }
  entry.state = 'complete'
  for (const item of fresh) {
    if (known.has(item.task)) continue
    known.add(item.task)
    job.items.push({
      ...item,
      of: entry.of,
      contentLength: null,
      seed: 'w',
      seedError: null,
      hosts: 'w'.repeat(job.hosts.length),
      hostErrors: {},
    })
  }
}

function failSubject(job: Job, subject: number, error: PreheatError): void {
  const entry = job.subjects[subject]
  if (entry?.state !== 'waiting') return
  entry.state = 'failed'
  job.errors.push({ of: entry.of, error })
}

/** The substitute begins with nothing. */
function replaceHost(job: Job, host: HostId, by: HostId): void {
  const at = job.hosts.indexOf(host)
  if (at < 0 || job.hosts.includes(by)) return
  job.hosts[at] = by
  for (const item of job.items) {
    delete item.hostErrors[host]
    const letter = item.seed === 'f' ? 'f' : 'w'
    item.hosts = item.hosts.slice(0, at) + letter + item.hosts.slice(at + 1)
  }
}

/** The digest of an item, when it has one. */
export function digestOf({ identity }: Item): Digest | null {
  return identity.digest ?? null
}
