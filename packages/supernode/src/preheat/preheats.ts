import { randomBytes } from 'node:crypto'
import type { Logger, Startable } from '@df/kit'
import { AppError, type PreheatJob, type PreheatRequest, type PreheatSummary } from '@df/proto'
import { chooseHosts } from './choose-hosts.ts'
import { applyEvent, itemState, type Job, type JobEvent, newJob } from './job.ts'
import { JobRunner, type RunnerSurroundings } from './job-runner.ts'
import type { JobStore } from './job-store.ts'
import { type PreparedRequest, prepareRequest, type Secrets } from './request.ts'
import { jobView, type LiveBytes, summaryView } from './view.ts'

/** Ended jobs that are kept to be shown. */
const MAX_ENDED = 1000
/** Jobs that may be under way together. */
const MAX_RUNNING = 1000
const SAVE_EVERY_MS = 500

/** Who is told what becomes of jobs: metrics and logs. */
export interface PreheatWatch {
  started(job: Job): void
  /** An item has all it should have, or failed. */
  itemEnded(job: Job, item: number): void
  ended(job: Job): void
  /** Somebody ended and forgot it. */
  cancelled(job: Job): void
}

export interface PreheatsOptions {
  store: JobStore
  around: RunnerSurroundings
  hostBytes: LiveBytes['host']
  watch: PreheatWatch
  logger: Logger
}

interface Entry {
  job: Job
  /** While the job is under way. */
  runner: JobRunner | undefined
  /** Once the job has ended and somebody asked. */
  ended?: PreheatSummary
}

/** All preheats: jobs under way, which outlive the program, and the last that ended. */
export class Preheats implements Startable {
  readonly #options: PreheatsOptions
  readonly #entries = new Map<string, Entry>()
  /** Jobs that are being written down for the first time, by key. */
  readonly #beginning = new Map<string, Promise<Entry>>()
  /** Jobs whose file is behind. */
  readonly #unsaved = new Set<Job>()
  #timer: NodeJS.Timeout | undefined
  #saving: Promise<void> | undefined

  constructor(options: PreheatsOptions) {
    this.#options = options
  }

  /** Goes on with the jobs that were under way. @throws AppError STORAGE_FAILED */
  async start(): Promise<void> {
    this.#options.around.orders.start()
    for (const job of await this.#options.store.load()) {
      if (job.state !== 'running') {
        this.#entries.set(job.id, { job, runner: undefined })
        continue
      }
      applyEvent(job, { type: 'restarted' }, Date.now())
      this.#run(job, undefined)
    }
    this.#dropOldest()
    this.#timer = setInterval(() => {
      this.#saving ??= this.#save().finally(() => {
        this.#saving = undefined
      })
    }, SAVE_EVERY_MS)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#options.around.orders.stop()
    for (const { runner } of this.#entries.values()) {
      runner?.stop(new AppError('SUPERNODE_UNREACHABLE', 'the SuperNode ends'))
    }
    await this.#saving
    await this.#save()
  }

  /**
   * Begins a job. A request for what a job under way is about gives that job new credentials, and no second one.
   * @throws AppError as prepareRequest; DISK_FULL, STORAGE_FAILED when the job cannot be kept
   */
  async post(request: PreheatRequest): Promise<{ job: PreheatJob; isNew: boolean }> {
    const prepared = prepareRequest(request)
    const found = this.#underWay(prepared.key)
    if (found === undefined) return { job: this.#view(await this.#begin(prepared)), isNew: true }
    const known = await found
    if (prepared.secrets !== undefined) {
      known.job.hadSecrets = true
      known.runner?.give(prepared.secrets)
    }
    return { job: this.#view(known), isNew: false }
  }

  /**
   * Begins a job for images that were pushed, or adds them to the one under way for what was pushed to the same
   * repository a moment ago: registries tell of an index and each of its children.
   * @throws AppError as {@link post}
   */
  async pushed(repository: string, request: PreheatRequest): Promise<void> {
    const key = `push:${repository}`
    const { kept, secrets } = prepareRequest(request)
    const found = this.#underWay(key)
    if (found === undefined) {
      await this.#begin({ kept, secrets, key })
      return
    }
    const known = await found
    for (const of of kept.images ?? [])
      this.#apply(known.job, { type: 'subject', kind: 'image', of })
    known.runner?.work()
    await this.#options.store.save(known.job)
  }

  /** Newest first. */
  list(): PreheatSummary[] {
    return [...this.#entries.values()].map((entry) => this.#summary(entry)).toReversed()
  }

  /** That of an ended job is made once: it may be large, and there may be many. */
  #summary(entry: Entry): PreheatSummary {
    const { job, runner } = entry
    if (runner !== undefined) return summaryView(job, this.#live(entry))
    entry.ended ??= summaryView(job, this.#live(entry))
    return entry.ended
  }

  /** @throws AppError TASK_NOT_FOUND */
  get(id: string): PreheatJob {
    return this.#view(this.#entry(id))
  }

  /** Ends the job if it is under way, and forgets it. What it brought somewhere stays there. @throws AppError TASK_NOT_FOUND */
  async delete(id: string): Promise<void> {
    const { job, runner } = this.#entry(id)
    this.#entries.delete(id)
    this.#unsaved.delete(job)
    if (runner !== undefined) {
      runner.stop(new AppError('TASK_DELETED', 'the preheat was cancelled'))
      this.#options.watch.cancelled(job)
    }
    await this.#options.store.remove(id)
  }

  /** How many jobs are in this state. */
  count(state: Job['state']): number {
    return [...this.#entries.values()].filter(({ job }) => job.state === state).length
  }

  /** The same request may come again while the first is being written down. */
  #underWay(key: string): Entry | Promise<Entry> | undefined {
    return this.#beginning.get(key) ?? this.#running().find(({ job }) => job.key === key)
  }

  #begin(prepared: PreparedRequest): Promise<Entry> {
    const beginning = this.#keepAndRun(prepared).finally(() => {
      this.#beginning.delete(prepared.key)
    })
    this.#beginning.set(prepared.key, beginning)
    return beginning
  }

  async #keepAndRun({ kept, secrets, key }: PreparedRequest): Promise<Entry> {
    if (this.#running().length >= MAX_RUNNING) {
      throw new AppError('REQUEST_INVALID', `${MAX_RUNNING} preheats are under way already`, {
        hint: 'wait until some have ended, or delete them; one may have up to 1000 images',
      })
    }
    const { store, around, watch } = this.#options
    const hosts = kept.hosts === undefined ? [] : chooseHosts(kept.hosts, around.candidates(), key)
    const job = newJob({
      id: randomBytes(8).toString('hex'),
      key,
      createdAtMs: Date.now(),
      request: kept,
      hadSecrets: secrets !== undefined,
      hosts,
    })
    if (kept.hosts !== undefined && hosts.length === 0) {
      applyEvent(job, { type: 'trouble', of: 'hosts', error: noHosts }, job.createdAtMs)
    }
    await store.save(job)
    watch.started(job)
    return this.#run(job, secrets)
  }

  #run(job: Job, secrets: Secrets | undefined): Entry {
    const runner = new JobRunner({
      job,
      secrets,
      around: this.#options.around,
      apply: (event) => this.#apply(job, event),
    })
    const entry: Entry = { job, runner }
    this.#entries.set(job.id, entry)
    runner.work()
    return entry
  }

  #apply(job: Job, event: JobEvent): void {
    // A forgotten job must not come back by what its work still tells.
    if (!this.#entries.has(job.id)) return
    const { watch } = this.#options
    const item = 'item' in event ? job.items[event.item] : undefined
    const before = item === undefined ? undefined : itemState(item)
    const wasRunning = job.state === 'running'
    applyEvent(job, event, Date.now())
    this.#unsaved.add(job)
    if (item !== undefined && 'item' in event && itemState(item) !== before) {
      const isEnd = itemState(item) === 'complete' || itemState(item) === 'failed'
      if (isEnd) watch.itemEnded(job, event.item)
    }
    if (wasRunning && job.state !== 'running') this.#ended(job)
  }

  #ended(job: Job): void {
    this.#options.watch.ended(job)
    const entry = this.#entries.get(job.id)
    if (entry === undefined) return
    entry.runner = undefined
    this.#dropOldest()
  }

  #dropOldest(): void {
    const ended = [...this.#entries.values()].filter(({ runner }) => runner === undefined)
    for (const { job } of ended.splice(0, Math.max(0, ended.length - MAX_ENDED))) {
      this.#entries.delete(job.id)
      this.#unsaved.delete(job)
      void this.#options.store.remove(job.id).catch((err: unknown) => {
        this.#options.logger.warn({ err, preheat: job.id }, 'an old preheat job cannot be removed')
      })
    }
  }

  async #save(): Promise<void> {
    for (const job of [...this.#unsaved]) {
      // It may have been forgotten while another one was written.
      if (!this.#unsaved.delete(job)) continue
      try {
        await this.#options.store.save(job)
      } catch (err) {
        if (this.#entries.has(job.id)) this.#unsaved.add(job)
        this.#options.logger.warn({ err, preheat: job.id }, 'a preheat job cannot be kept')
        return
      }
    }
  }

  #running(): Entry[] {
    return [...this.#entries.values()].filter(({ job }) => job.state === 'running')
  }

  #entry(id: string): Entry {
    const entry = this.#entries.get(id)
    if (entry === undefined) throw new AppError('TASK_NOT_FOUND', `there is no preheat ${id}`)
    return entry
  }

  #view(entry: Entry): PreheatJob {
    return jobView(entry.job, this.#live(entry))
  }

  #live({ runner }: Entry): LiveBytes {
    return { seed: (item) => runner?.haveBytes(item) ?? 0, host: this.#options.hostBytes }
  }
}

const noHosts = {
  code: 'REQUEST_INVALID',
  message: 'no host that takes orders fits the request: it goes to the SuperNode only',
  hint: 'see /api/v1/hosts for the labels that hosts have',
}
