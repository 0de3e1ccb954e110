import { defaultDataDir, untilAborted } from '@df/kit'
import { errorInfo, toAppError } from '@df/proto'
import type { CommandContext } from './command-context.ts'
import { type Operands, parseCommandLine } from './commands/command-line.ts'
import { explain } from './commands/explain.ts'
import { get } from './commands/get.ts'
import { type GetOptions, parseGetOptions } from './commands/get-options.ts'
import type { PeerTools } from './compose.ts'
import { Interruption } from './interruption.ts'
import { isStdout } from './output/open-output.ts'
import { OUTPUT_CLOSED } from './output/output-error.ts'
import { errorLine } from './progress/lines.ts'
import { createJsonReporter, createTextReporter, type Reporter } from './progress/reporter.ts'
import { sweepDownloads } from './sources/sweep.ts'
import { readTrustFiles } from './trust-files.ts'

/**
 * Runs one command; gives its exit code. Never rejects: an error is one line on stderr. Whatever needs an engine or a
 * store is loaded when it comes to that: most downloads are a dfdaemon's work, and begin sooner so.
 */
export async function run(context: CommandContext): Promise<number> {
  const { stdout, stderr } = context
  try {
    const line = await parseCommandLine(context.argv)
    switch (line.command) {
      case 'help':
        stdout.write(line.text)
        return 0
      case 'version':
        stdout.write(`dfget ${context.version}\n`)
        return 0
      case 'completion': {
        const { completion } = await import('./commands/completion.ts')
        stdout.write(completion(line.words))
        return 0
      }
      case 'cache': {
        const { cache } = await import('./commands/cache.ts')
        await untilAborted(
          cache(line, { baseDir: baseDir(context), write: (text) => stdout.write(text) }),
          context.signal,
        )
        return 0
      }
      case 'preheat': {
        const { preheat } = await import('./commands/preheat.ts')
        return await preheat(line, context)
      }
      case 'preheat jobs': {
        const { preheatJobs } = await import('./commands/preheat-jobs.ts')
        await preheatJobs(line, context)
        return 0
      }
      case 'get':
        return await runGet(line, context)
    }
  } catch (thrown) {
    if (thrown instanceof Interruption) return thrown.exitCode
    const error = toAppError(thrown)
    stderr.write(`${errorLine(error)}\n`)
    return errorInfo(error.code).exit
  }
}

async function runGet(line: Operands, context: CommandContext): Promise<number> {
  const options = parseGetOptions(line.operands, line.values)
  const reporter = reporterFor(options, context)
  const trust = await readTrustFiles(options)
  let peer: PeerTools | undefined
  try {
    await get(options, {
      cwd: context.cwd,
      baseDir: baseDir(context),
      signal: context.signal,
      reporter,
      async engineAt(dataDir) {
        const { composePeer } = await import('./compose.ts')
        const note = (text: string) => reporter.note(text)
        peer = composePeer(options, { version: context.version, trust, note })
        return peer.engineAt(dataDir)
      },
    })
    await sweepDownloads(baseDir(context))
    return 0
  } catch (error) {
    return endWith(error, options, reporter, context)
  } finally {
    await peer?.close()
  }
}

/** Tells what went wrong, where there is anything to tell. */
function endWith(
  thrown: unknown,
  options: GetOptions,
  reporter: Reporter,
  { stderr }: CommandContext,
): number {
  if (thrown instanceof Interruption) {
    reporter.note(`dfget: ${thrown.message}; run the command again to go on`)
    return thrown.exitCode
  }
  const error = explain(toAppError(thrown), options.url)
  // As with every program at the head of a pipe: who reads no more knows why.
  if (error.detail[OUTPUT_CLOSED] !== true) {
    reporter.failed(error)
    if (options.json && !isStdout(options.output)) stderr.write(`${errorLine(error)}\n`)
  }
  return errorInfo(error.code).exit
}

/** Standard output is the content's when it goes there, else the programs'; people look at standard error. */
function reporterFor(options: GetOptions, { stdout, stderr }: CommandContext): Reporter {
  if (options.json) return createJsonReporter(isStdout(options.output) ? stderr : stdout)
  return createTextReporter(stderr, { quiet: !options.progress })
}

function baseDir({ env, uid }: CommandContext): string {
  return defaultDataDir('dfget', env, uid)
}
