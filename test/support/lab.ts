import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Enclosure,
  findLeaks,
  type ProgramName,
  type RunningProgram,
  startProgram,
  type TempDirectory,
  tempDirectory,
} from '@df/testkit'

export interface SupernodeSettings {
  name?: string
  /** Default 127.0.0.1:0. */
  listen?: string
  /** Default: its own folder of the lab. */
  dataDir?: string
  /** Default: registries on loopback may be read. */
  allowOrigin?: string
  args?: readonly string[]
  within?: Enclosure
}

export interface DfdaemonSettings {
  name?: string
  supernodeUrl: string
  upstreamUrl: string
  /** What `?ns=HOST` means. */
  registries?: Readonly<Record<string, string>>
  /** Default 127.0.0.1: the address that other hosts reach it at. */
  address?: string
  /** Default 127.0.0.1:0. */
  listen?: string
  dataDir?: string
  args?: readonly string[]
  within?: Enclosure
}

/** One of our programs, running. */
export interface TestProgram extends RunningProgram {
  /** Of the SuperNode, or of the mirror. */
  url: string
  dataDir: string
  logPath: string
}

/**
 * What a test file starts, in one folder: stopped in reverse order at the end, and then looked for again. Programs are
 * the built ones.
 */
export class Lab {
  readonly directory: string
  readonly #temp: TempDirectory
  readonly #logLevel: string
  readonly #running = new AsyncDisposableStack()
  #names = 0

  private constructor(temp: TempDirectory, logLevel: string) {
    this.#temp = temp
    this.#logLevel = logLevel
    this.directory = temp.path
  }

  /** `logLevel`: of our programs. */
  static async open({ logLevel = 'debug' } = {}): Promise<Lab> {
    return new Lab(await tempDirectory(), logLevel)
  }

  /** A new folder in the lab's. */
  async folder(name: string): Promise<string> {
    const path = join(this.directory, name)
    await mkdir(path, { recursive: true })
    return path
  }

  /** Has something stopped at the end. Gives it back. */
  keep<T extends { stop(): Promise<unknown> }>(thing: T): T {
    this.#running.defer(async () => void (await thing.stop()))
    return thing
  }

  defer(end: () => Promise<unknown>): void {
    this.#running.defer(async () => void (await end()))
  }

  async supernode(settings: SupernodeSettings = {}): Promise<TestProgram> {
    const { listen = '127.0.0.1:0', allowOrigin = '127.0.0.0/8', args = [] } = settings
    return await this.#program('supernode', settings, [
      ...['--listen', listen, '--allow-origin', allowOrigin],
      ...args,
    ])
  }

  async dfdaemon(settings: DfdaemonSettings): Promise<TestProgram> {
    const { listen = '127.0.0.1:0', address = '127.0.0.1', registries = {}, args = [] } = settings
    const { supernodeUrl, upstreamUrl } = settings
    return await this.#program('dfdaemon', settings, [
      ...['--supernode', supernodeUrl, '--upstream', upstreamUrl],
      ...Object.entries(registries).flatMap(([host, url]) => ['--registry', `${host}=${url}`]),
      ...['--listen', listen, '--peer-listen', `${address}:0`, '--advertise', address],
      ...args,
    ])
  }

  /** Stops everything and removes the folder. */
  async stop(): Promise<void> {
    await this.#running.disposeAsync()
    await this.#temp.remove()
  }

  /**
   * Stops everything, for the last lab of a process.
   * @throws Error when something that this process started is still there afterwards
   */
  async close(): Promise<void> {
    await this.#running.disposeAsync()
    const leaks = await findLeaks(this.directory)
    await this.#temp.remove()
    if (leaks.length > 0) throw new Error(`left behind:\n${leaks.join('\n')}`)
  }

  async #program(
    program: ProgramName,
    {
      name = `${program}-${this.#names++}`,
      dataDir = join(this.directory, name),
      within,
    }: ProgramPlace,
    args: readonly string[],
  ): Promise<TestProgram> {
    const logPath = join(this.directory, `${name}.log`)
    const running = await startProgram({
      program,
      args: ['--data-dir', dataDir, '--log-level', this.#logLevel, ...args],
      logPath,
      ...(within && { within }),
    })
    this.defer(() => running.daemon.stop())
    const url = running.addresses.get('mirror') ?? running.urls[0] ?? ''
    return { ...running, url, dataDir, logPath }
  }
}

type ProgramPlace = Pick<SupernodeSettings, 'name' | 'dataDir' | 'within'>
