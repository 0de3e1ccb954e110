import { readFileSync } from 'node:fs'
import { errorCodes, errorInfo } from '@df/proto'
import { expect, test } from 'vitest'
import { parseCommandLine } from './commands/command-line.ts'

const meanings: Readonly<Record<number, string>> = {
  0: 'done',
  1: 'anything unforeseen; `dfdaemon doctor`: something is wrong with this host',
  2: 'the command line, the configuration or a request is wrong',
  3: 'not found at the origin, or not stored here',
  4: 'no right: the origin refused the caller, or wants credentials',
  5: 'trouble with the network, the origin or another host',
  6: 'wrong content: another digest, a damaged piece, or changed while it was read',
  7: 'trouble with the local disk or a file',
  8: 'the data directory is in use by another process',
  9: 'refused by policy: the address of the origin is guarded',
  10: 'not done within the time allowed',
  78: 'Node.js is too old',
  129: 'ended by SIGHUP',
  130: 'ended by SIGINT',
  143: 'ended by SIGTERM',
}

function page(): string {
  const exits = Object.entries(meanings).map(([code, meaning]) => `| ${code} | ${meaning} |`)
  const errors = errorCodes.map((code) => {
    const { exit, status, retryable, summary } = errorInfo(code)
    return `| \`${code}\` | ${exit} | ${status} | ${retryable ? 'yes' : 'no'} | ${summary.replaceAll('<', '\\<')} |`
  })
  return `# Exit codes and error codes

What a command ends with, and the errors behind it. Both are stable: scripts may rely on them. A command that fails
prints one line on standard error that says what went wrong, where, and how to mend it; with \`dfget --json\` the last
event is \`failed\`, with \`code\`, \`message\`, \`hint\` and \`exitCode\`. When whoever reads standard output goes away,
dfget ends with 7 and says nothing.

This page is made from \`packages/proto/src/errors.ts\`:
\`npx vitest run --project unit packages/dfget/src/exit-codes.test.ts --update\`.

## Exit codes

| Exit code | Meaning |
|---|---|
${exits.join('\n')}

## Error codes

The HTTP status is that of our own APIs, whose error bodies (RFC 9457) carry the code. "Again" says whether the same
request can succeed later without anybody changing anything.

| Error code | Exit code | HTTP | Again | Meaning |
|---|---|---|---|---|
${errors.join('\n')}
`
}

test('docs/reference/exit-codes.md says what the error table says', async () => {
  await expect(page()).toMatchFileSnapshot('../../../docs/reference/exit-codes.md')
})

test('every exit code of the error table has a meaning, and the help names it', async () => {
  const help = await parseCommandLine(['--help'])
  const text = help.command === 'help' ? help.text : ''
  for (const exit of new Set(errorCodes.map((code) => errorInfo(code).exit))) {
    expect(meanings).toHaveProperty(String(exit))
    expect(text).toMatch(new RegExp(`[ ,\\n]${exit} `))
  }
})

test('the program refuses an old Node.js with the code for it', () => {
  expect(readFileSync(new URL('../bin/dfget.js', import.meta.url), 'utf8')).toContain('exit(78)')
})
