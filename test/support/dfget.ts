import { mkdir, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Digest } from '@df/proto'
import {
  type BlobSource,
  Daemon,
  digestOf,
  type Enclosure,
  type FileOrigin,
  fileSource,
  generatedSource,
  programCommand,
  type RunResult,
  run,
} from '@df/testkit'

/**
 * The built dfget with a /var/lib and a working folder of its own, in a mount namespace: what it mounts and keeps is
 * gone with it.
 */
export class DfgetBox {
  /** The working folder. */
  readonly directory: string
  readonly #varLib: string

  private constructor(directory: string, varLib: string) {
    this.directory = directory
    this.#varLib = varLib
  }

  static async create(parent: string): Promise<DfgetBox> {
    const box = new DfgetBox(join(parent, 'work'), join(parent, 'var-lib'))
    await mkdir(box.directory, { recursive: true })
    await mkdir(box.#varLib, { recursive: true })
    return box
  }

  /** Names in the working folder. */
  async files(): Promise<string[]> {
    return await readdir(this.directory)
  }

  async digestOf(name: string): Promise<Digest> {
    return await digestOf(await fileSource(join(this.directory, name)))
  }

  /** Bytes of the largest file in the working folder. */
  async writtenBytes(): Promise<number> {
    const paths = (await this.files()).map((name) => join(this.directory, name))
    const found = await Promise.all(paths.map((path) => stat(path).catch(() => undefined)))
    return Math.max(0, ...found.map((each) => each?.size ?? 0))
  }

  /** Data directories of downloads that are not done. */
  async unfinished(): Promise<string[]> {
    return await readdir(join(this.#varLib, 'dragonfly/dfget/downloads')).catch(() => [])
  }

  /** Runs it to its end. */
  async run(args: readonly string[]): Promise<RunResult> {
    return await this.shell('exec "$@"', args)
  }

  /** Runs shell text in which "$@" is the command; it may mount what it likes. */
  async shell(script: string, args: readonly string[]): Promise<RunResult> {
    const command = ['sh', '-c', script, 'sh', ...this.#command(args)]
    return await run(command, { within: this.#enclosure(), timeoutMs: 120_000 })
  }

  start(args: readonly string[]): Daemon {
    return new Daemon({ command: this.#command(args), within: this.#enclosure() })
  }

  #command(args: readonly string[]): string[] {
    return [...programCommand('dfget'), ...args]
  }

  #enclosure(): Enclosure {
    const script = 'set -e; mount --bind "$1" /var/lib; cd "$2"; shift 2; exec "$@"'
    const command = ['unshare', '--mount', 'sh', '-c', script, 'sh', this.#varLib, this.directory]
    return { command, env: {} }
  }
}

/** A file at an origin. */
export interface OriginFile {
  url: string
  source: BlobSource
  digest: Digest
}

export async function putFile(
  origin: FileOrigin,
  name: string,
  sizeBytes: number,
): Promise<OriginFile> {
  const source = generatedSource(name, sizeBytes)
  origin.files.set(`/${name}`, source)
  return { url: `${origin.url}/${name}`, source, digest: await digestOf(source) }
}

/** One line on standard error, as every failure has. */
export const oneErrorLine = /^dfget: [^\n]+\n$/
