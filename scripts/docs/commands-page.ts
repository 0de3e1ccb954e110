import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const packages = join(import.meta.dirname, '../../packages')

/** Markdown: the help of each program and of each of its commands, as they print it. */
export function commandsPage(programs: readonly string[]): string {
  return [
    '# Commands',
    '',
    'What each program and command says with `--help`. Exit codes: [exit-codes.md](exit-codes.md).',
    '',
    ...programs.flatMap((program) => {
      const help = helpOf(program, [])
      return [
        `## ${program}`,
        '',
        ...block(help),
        ...commandsIn(program, help).flatMap((command) => [
          `### ${program} ${command}`,
          '',
          ...block(helpOf(program, [command])),
        ]),
      ]
    }),
  ].join('\n')
}

/** What the usage lines of a program say enough about. */
const plain = ['config', 'completion']

/** The commands that the usage lines of a program name. */
function commandsIn(program: string, help: string): string[] {
  const names = help.matchAll(new RegExp(`^[ a-zA-Z:]* ${program} ([a-z][a-z-]*)`, 'gm'))
  return [...new Set([...names].map(([, name = '']) => name))].filter(
    (name) => !plain.includes(name),
  )
}

function helpOf(program: string, words: readonly string[]): string {
  const main = join(packages, program, 'src/main.ts')
  return execFileSync('node', ['--conditions=df-source', main, ...words, '--help'], {
    encoding: 'utf8',
    // The same wherever it runs.
    env: { PATH: process.env['PATH'], HOME: '/nonexistent' },
  })
}

function block(text: string): string[] {
  return ['```text', text.trimEnd(), '```', '']
}
