import { type ChildProcess, spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Exit, exitOf } from './child-exit.ts'
import type { Enclosure } from './command.ts'

export interface DaemonOptions {
  command: readonly string[]
  env?: Readonly<Record<string, string>>
  cwd?: string
  within?: Enclosure | undefined
  /** Everything it prints goes there too. */
  logPath?: string
}

const running = new Set<ChildProcess>()
// The last resort, for a test run that ends without stopping what it started.
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const keptCharacters = 4_000_000

/** A process that stays: started, read from, stopped. */
export class Daemon {
  readonly exited: Promise<Exit>
  readonly #child: ChildProcess
  readonly #name: string
  #stdout = ''
  #stderr = ''
  #exit: Exit | undefined

  constructor({ command, env, cwd, within, logPath }: DaemonOptions) {
    const [program = '', ...args] = [...(within?.command ?? []), ...command]
    this.#name = command.slice(0, 3).join(' ')
    const child = spawn(program, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...within?.env, ...env },
      ...(cwd === undefined ? {} : { cwd }),
    })
    this.#child = child
    running.add(child)
    const file = logPath === undefined ? undefined : createWriteStream(logPath, { flags: 'a' })
    child.stdout.setEncoding('utf8').on('data', (part: string) => {
      this.#stdout = (this.#stdout + part).slice(-keptCharacters)
      file?.write(part)
    })
    child.stderr.setEncoding('utf8').on('data', (part: string) => {
      this.#stderr = (this.#stderr + part).slice(-keptCharacters)
      file?.write(part)
    })
    this.exited = exitOf(child).catch((error: unknown) => {
      this.#stderr += String(error)
      return { code: null, signal: null }
    })
    void this.exited.then((exit) => {
      this.#exit = exit
      running.delete(child)
      file?.end()
    })
  }

  /** Of the program itself: enclosures replace themselves by it. */
  get pid(): number {
    return this.#child.pid ?? 0
  }

  /** Undefined while it runs. */
  get exit(): Exit | undefined {
    return this.#exit
  }

  get stdout(): string {
    return this.#stdout
  }

  get stderr(): string {
    return this.#stderr
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#child.kill(signal)
  }

  /** SIGTERM, and SIGKILL when that does not help within `graceMs`. */
  async stop(graceMs = 10_000): Promise<Exit> {
    this.signal('SIGTERM')
    const isEnded = await Promise.race([this.exited, sleep(graceMs, undefined, { ref: false })])
    if (isEnded === undefined) this.signal('SIGKILL')
    return await this.exited
  }

  async kill(): Promise<Exit> {
    this.signal('SIGKILL')
    return await this.exited
  }

  /**
   * Asks `probe` again and again until it gives something, and gives that.
   * @throws Error with the end of what was printed, when the process ends or `timeoutMs` pass first
   */
  async until<T>(
    probe: () => Promise<T | undefined> | T | undefined,
    timeoutMs = 20_000,
  ): Promise<T> {
    const deadline = performance.now() + timeoutMs
    while (this.#exit === undefined && performance.now() < deadline) {
      const found = await probe()
      if (found !== undefined) return found
      await sleep(50)
    }
    const how =
      this.#exit === undefined ? `not ready in ${timeoutMs} ms` : 'ended before it was ready'
    throw new Error(`${this.#name}: ${how}: ${(this.#stderr || this.#stdout).slice(-2000)}`)
  }
}
