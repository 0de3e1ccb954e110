import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { run } from './run.ts'

export interface Result {
  code: number
  out: string
  err: string
}

/** The command in this process, with a folder of its own to work in. */
export class CommandBench {
  readonly dir: string

  private constructor(dir: string) {
    this.dir = dir
  }

  static async create(): Promise<CommandBench> {
    return new CommandBench(await mkdtemp(join(tmpdir(), 'dfget-')))
  }

  async remove(): Promise<void> {
    await rm(this.dir, { recursive: true, force: true })
  }

  /** Without a daemon, unless one is named; dfget's own folder is below `dir` too. */
  async dfget(
    args: string[],
    signal = new AbortController().signal,
    { stdin = '', env = {} }: { stdin?: string; env?: Record<string, string> } = {},
  ): Promise<Result> {
    const isGet = args[0] !== 'cache' && args[0] !== 'preheat'
    const alone = args.includes('--daemon') || !isGet ? [] : ['--daemon', 'none']
    const result: Result = { code: -1, out: '', err: '' }
    result.code = await run({
      version: '0.0.0',
      argv: [...args, ...alone],
      env: { XDG_DATA_HOME: join(this.dir, 'xdg'), HOME: this.dir, ...env },
      cwd: this.dir,
      uid: 1000,
      stdin: Readable.from(stdin === '' ? [] : [Buffer.from(stdin)]),
      stdout: { write: (text) => void (result.out += text), columns: () => undefined },
      stderr: { write: (text) => void (result.err += text), columns: () => undefined },
      signal,
    })
    return result
  }

  read(name: string): Promise<Buffer> {
    return readFile(join(this.dir, name))
  }

  /** Names in the working folder. */
  async files(): Promise<string[]> {
    return (await readdir(this.dir)).filter((name) => name !== 'xdg').sort()
  }

  /** Data directories of downloads that are not done. */
  unfinished(): Promise<string[]> {
    return readdir(join(this.dir, 'xdg/dragonfly/dfget/downloads')).catch(() => [])
  }
}

/** Asks until there is an answer. */
export async function until<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const answer = await ask().catch(() => undefined)
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
