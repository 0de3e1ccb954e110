import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from '@df/kit'
import { AppError } from '@df/proto'
import { Compile } from 'typebox/compile'
import { type Job, JobSchema } from './job.ts'

const schema = Compile(JobSchema)
const fileName = /^([0-9a-f]{16})\.json$/

/**
 * Jobs on disk, one JSON file each, replaced as a whole: a kill at any moment leaves the state before or after. They
 * hold no secret.
 */
export class JobStore {
  readonly #dir: string
  readonly #logger: Logger
  /** Saves of one job follow each other. */
  readonly #running = new Map<string, Promise<void>>()

  constructor(dir: string, logger: Logger) {
    this.#dir = dir
    this.#logger = logger
  }

  /** All jobs that can be read, the oldest first; others are named in the log and left alone. @throws AppError STORAGE_FAILED */
  async load(): Promise<Job[]> {
    const names = await this.#names()
    const jobs: Job[] = []
    for (const name of names) {
      const id = fileName.exec(name)?.[1]
      if (id === undefined) {
        await rm(join(this.#dir, name), { force: true })
        continue
      }
      try {
        const job: unknown = JSON.parse(await readFile(this.#path(id), 'utf8'))
        if (schema.Check(job)) jobs.push(job)
        else throw new Error('it is not a preheat job of this version')
      } catch (err) {
        this.#logger.warn({ err, path: this.#path(id) }, 'a preheat job cannot be read')
      }
    }
    return jobs.toSorted((a, b) => a.createdAtMs - b.createdAtMs)
  }

  /** @throws AppError DISK_FULL, STORAGE_FAILED; the file then has the state before */
  async save(job: Job): Promise<void> {
    const text = JSON.stringify(job)
    await this.#after(job.id, () => this.#write(job.id, text))
  }

  async remove(id: string): Promise<void> {
    await this.#after(id, () => rm(this.#path(id), { force: true }))
  }

  async #after(id: string, work: () => Promise<void>): Promise<void> {
    const before = this.#running.get(id) ?? Promise.resolve()
    const mine = before.catch(() => {}).then(work)
    this.#running.set(id, mine)
    try {
      await mine
    } finally {
      if (this.#running.get(id) === mine) this.#running.delete(id)
    }
  }

  async #write(id: string, text: string): Promise<void> {
    const path = this.#path(id)
    try {
      const file = await open(`${path}.new`, 'w', 0o600)
      try {
        await file.writeFile(text)
        await file.sync()
      } finally {
        await file.close()
      }
      await rename(`${path}.new`, path)
    } catch (cause) {
      const isFull = /ENOSPC|EDQUOT/.test(String(cause))
      throw new AppError(
        isFull ? 'DISK_FULL' : 'STORAGE_FAILED',
        `the preheat job cannot be written to ${path}`,
        { cause },
      )
    }
  }

  async #names(): Promise<string[]> {
    try {
      await mkdir(this.#dir, { recursive: true, mode: 0o700 })
      return await readdir(this.#dir)
    } catch (cause) {
      throw new AppError('STORAGE_FAILED', `${this.#dir} cannot be read`, { cause })
    }
  }

  #path(id: string): string {
    return join(this.#dir, `${id}.json`)
  }
}
