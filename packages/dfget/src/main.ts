import { readFileSync } from 'node:fs'
import { Interruption, type StopSignal } from './interruption.ts'
import type { TextSink } from './progress/lines.ts'
import { run } from './run.ts'

/** A process that is done but does not end is ended after this. */
const LINGER_MS = 500
const DEFAULT_COLUMNS = 80

const { version } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] satisfies StopSignal[]) {
  // Once: the second one ends the process at once.
  process.once(signal, () => stop.abort(new Interruption(signal)))
}

function sink(stream: NodeJS.WriteStream): TextSink {
  // Whoever read it may be gone, which is no reason to stop.
  stream.on('error', () => {})
  return {
    write: (text) => void stream.write(text),
    // A terminal that does not know its width says 0.
    columns: () => (stream.isTTY ? stream.columns || DEFAULT_COLUMNS : undefined),
  }
}

const code = await run({
  version,
  argv: process.argv.slice(2),
  env: process.env,
  cwd: process.cwd(),
  uid: process.getuid?.() ?? 0,
  stdin: process.stdin,
  stdout: sink(process.stdout),
  stderr: sink(process.stderr),
  signal: stop.signal,
})
process.exitCode = code
const { exit } = process
setTimeout(() => exit(code), LINGER_MS).unref()
