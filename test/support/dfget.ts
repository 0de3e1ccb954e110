import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Daemon, type Enclosure, programCommand, type RunResult, run } from '@df/testkit'

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

  /** Where dfget keeps unfinished downloads. */
  get downloadsDir(): string {
    return join(this.#varLib, 'dragonfly/dfget/downloads')
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
