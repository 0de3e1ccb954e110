import { taskIdOf } from '@df/codec'
import {
  configuredRegistryUrl,
  defaultRegistryUrl,
  type ImageReference,
  type LoginCredentials,
  parseReference,
} from '@df/oci'
import {
  type AppError,
  canonicalUrl,
  type HostId,
  type PreheatError,
  type Source,
  type TaskIdentity,
  toAppError,
} from '@df/proto'
import pLimit, { type LimitFunction } from 'p-limit'
import type { SourceReaderOptions } from '../seed/source-reader.ts'
import type { Wish } from '../swarm/wish.ts'
import { type Candidate, substitute } from './choose-hosts.ts'
import { ItemRun, preheatError } from './item-run.ts'
import { type Item, isItemSettled, type Job, type JobEvent, type NewItem } from './job.ts'
import type { Orders } from './orders.ts'
import { Persistence, type RetryPolicy } from './persistence.ts'
import { RegistryReader } from './registry-reader.ts'
import type { Secrets } from './request.ts'
import { resolveImage } from './resolve-image.ts'

/** Images of a job that are resolved at once. */
const SUBJECTS_AT_ONCE = 4
/** Contents of a job that are on their way at once, to the seed or to hosts. */
const ITEMS_AT_ONCE = 16

const lostSecrets: PreheatError = {
  code: 'ORIGIN_UNAUTHORIZED',
  message:
    'the SuperNode restarted and no longer has the credentials of this job, which waits for them',
  hint: 'post the same request again, with its credentials',
}

/** What runners need from the program around them. */
export interface RunnerSurroundings {
  want(identity: TaskIdentity, source: Source): Wish
  orders: Orders
  /** Hosts with a session that take orders. */
  candidates(): Candidate[]
  origin: SourceReaderOptions
  /** Base URLs of registries by host, where the request does not say it. */
  registries: Readonly<Record<string, string>>
  /** The operator's own login. @throws AppError CONFIG_INVALID */
  operatorLogin(registry: string, repository: string): Promise<LoginCredentials | undefined>
  /** Readings of all jobs together. */
  seeds: LimitFunction
  retry: RetryPolicy
}

export interface RunnerOptions {
  job: Job
  secrets: Secrets | undefined
  around: RunnerSurroundings
  /** Applies the event to the job. */
  apply(event: JobEvent): void
}

/** Does the work of one job, until it has ended or is stopped. */
export class JobRunner {
  readonly #options: RunnerOptions
  readonly #stop = new AbortController()
  readonly #persistence: Persistence
  readonly #subjects = pLimit(SUBJECTS_AT_ONCE)
  readonly #items = pLimit(ITEMS_AT_ONCE)
  readonly #busySubjects = new Set<number>()
  readonly #busyItems = new Set<number>()
  readonly #runs = new Map<number, ItemRun>()
  /** By registry and repository, for which a login may be. */
  readonly #readers = new Map<string, RegistryReader>()
  #secrets: Secrets | undefined

  constructor(options: RunnerOptions) {
    const { job, around, apply, secrets } = options
    this.#options = options
    this.#secrets = secrets
    this.#persistence = new Persistence({
      policy: around.retry,
      hasLostSecrets: () => job.hadSecrets && this.#secrets === undefined,
      onWaiting: () => apply({ type: 'trouble', of: 'credentials', error: lostSecrets }),
    })
  }

  /** Begins whatever waits; to be called again when there is more. */
  work(): void {
    const { job } = this.#options
    job.subjects.forEach(({ state }, at) => {
      if (state !== 'waiting' || this.#busySubjects.has(at)) return
      this.#busySubjects.add(at)
      void this.#subjects(() => this.#resolve(at)).finally(() => this.#busySubjects.delete(at))
    })
    job.items.forEach((item, at) => {
      if (!isItemSettled(item)) this.#begin(item, at)
    })
  }

  /** Ends all work; hosts are told to forget their orders. */
  stop(reason: AppError): void {
    this.#stop.abort(reason)
  }

  /** New credentials for what is not done yet. */
  give(secrets: Secrets): void {
    this.#secrets = secrets
    this.#readers.clear()
    this.#options.apply({ type: 'trouble-over', of: 'credentials' })
    this.#persistence.secretsCame()
  }

  /** Bytes that the SuperNode has of an item that is being read; 0 for others. */
  haveBytes(item: number): number {
    return this.#runs.get(item)?.haveBytes ?? 0
  }

  #begin(item: Item, at: number): void {
    if (this.#busyItems.has(at) || this.#stop.signal.aborted) return
    this.#busyItems.add(at)
    void this.#items(() => this.#run(item, at)).finally(() => {
      this.#busyItems.delete(at)
      // A host may have been replaced meanwhile.
      if (!isItemSettled(item)) this.#begin(item, at)
    })
  }

  async #run(item: Item, at: number): Promise<void> {
    const { job, around, apply } = this.#options
    const run = new ItemRun({
      ...around,
      item,
      at,
      hosts: [...job.hosts],
      jobId: job.id,
      persistence: this.#persistence,
      source: (signal) => this.#source(item, signal),
      renewed: () => item.identity.kind === 'blob' && this.#renewed(item.of),
      replace: (host) => this.#replace(host),
      apply,
      signal: this.#stop.signal,
    })
    this.#runs.set(at, run)
    await run.run()
    this.#runs.delete(at)
  }

  async #resolve(at: number): Promise<void> {
    const { job, apply } = this.#options
    const subject = job.subjects[at]
    if (subject === undefined) return
    const { signal } = this.#stop
    try {
      const items =
        subject.kind === 'url'
          ? [this.#urlItem(subject.of)]
          : await this.#persistence.attempt(() => this.#imageItems(subject.of), {
              signal,
              renewed: () => this.#renewed(subject.of),
            })
      apply({ type: 'resolved', subject: at, items })
      this.work()
    } catch (cause) {
      if (signal.aborted) return
      apply({ type: 'unresolved', subject: at, error: preheatError(toAppError(cause)) })
    }
  }

  #urlItem(url: string): NewItem {
    const { filterQuery = [], digest, tag, application } = this.#options.job.request
    const identity: TaskIdentity = {
      kind: 'url',
      canonicalUrl: canonicalUrl(url, { filterQuery }),
      ...(digest === undefined ? {} : { digest }),
      ...(tag === undefined ? {} : { tag }),
      ...(application === undefined ? {} : { application }),
    }
    return { task: taskIdOf(identity), identity, url, platform: null }
  }

  async #imageItems(image: string): Promise<NewItem[]> {
    const { platforms, referrers = false } = this.#options.job.request
    const reference = parseReference(image)
    const reader = await this.#reader(reference)
    const { signal } = this.#stop
    const blobs = await resolveImage(reference, { reader, platforms, referrers, signal })
    return blobs.map(({ digest, platform }) => {
      const identity: TaskIdentity = { kind: 'blob', digest }
      const url = reader.blobUrl(reference.repository, digest)
      return { task: taskIdOf(identity), identity, url, platform }
    })
  }

  async #source({ identity, of, url }: Item, signal: AbortSignal): Promise<Source> {
    if (identity.kind === 'blob') {
      const reference = parseReference(of)
      const reader = await this.#reader(reference)
      return reader.blobSource(reference.repository, identity.digest, signal)
    }
    const { signedUrls, headers = {} } = this.#secrets ?? {}
    return {
      url: signedUrls?.get(url) ?? url,
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
    }
  }

  /** Drops the login and its tokens; true when the next ones may be better. */
  #renewed(image: string): boolean {
    const key = readerKey(parseReference(image))
    const reader = this.#readers.get(key)
    this.#readers.delete(key)
    return reader?.hasCredentials === true
  }

  async #reader(reference: ImageReference): Promise<RegistryReader> {
    const { registry, repository } = reference
    const known = this.#readers.get(readerKey(reference))
    if (known !== undefined) return known
    const { job, around } = this.#options
    const secrets = this.#secrets
    const named = job.request.registries?.[registry]
    const own = around.registries[registry]
    // Where a request says the registry is, the operator's login does not go: it could be anybody's server.
    const isOwn = named === undefined || named === own
    const credentials =
      secrets?.credentials[registry] ??
      (isOwn ? await around.operatorLogin(registry, repository) : undefined)
    const base = named ?? own
    const reader = new RegistryReader({
      base: base === undefined ? defaultRegistryUrl(registry) : configuredRegistryUrl(base),
      ...(credentials === undefined ? {} : { credentials }),
      origin: around.origin,
    })
    if (secrets === this.#secrets) this.#readers.set(readerKey(reference), reader)
    return reader
  }

  /** Only a share of hosts may be other ones: those chosen by name or by labels alone are all there are. */
  #replace(host: HostId): boolean {
    const { job, around, apply } = this.#options
    const wanted = job.request.hosts
    if (wanted?.share === undefined) return false
    if (!job.hosts.includes(host)) return true
    const by = substitute(wanted, around.candidates(), { key: job.key, chosen: job.hosts })
    if (by === undefined) return false
    apply({ type: 'replaced', host, by })
    this.work()
    return true
  }
}

function readerKey({ registry, repository }: ImageReference): string {
  return `${registry}/${repository}`
}
