import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const programs = ['dfget', 'dfdaemon', 'supernode'] as const
let dir = ''

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'df-completion-'))
  for (const program of programs) {
    for (const shell of ['bash', 'zsh']) {
      writeFileSync(join(dir, `${program}.${shell}`), script(program, shell))
    }
  }
})
afterAll(() => rmSync(dir, { recursive: true }))

function script(program: string, shell: string): string {
  const bin = join(import.meta.dirname, '../../packages', program, `bin/${program}.js`)
  return execFileSync('node', [bin, 'completion', shell], { encoding: 'utf8' })
}

/** What stands on the command line of a terminal after TAB at the end of these words. */
function completedByZsh(program: string, line: string): string {
  const driver = `
zmodload zsh/zpty
zpty -b shell zsh -f -i
until_seen() {
  local i part
  for ((i = 0; i < 100; i++)); do
    while zpty -r -t shell part; do seen+=$part; done
    [[ $seen == *$1* ]] && return
    sleep 0.05
  done
}
zpty -w shell 'PS1=; autoload -Uz compinit; compinit -u -D; source ${dir}/${program}.zsh; print SET""-UP'
until_seen SET-UP
seen=''
zpty -w -n shell $'${program} ${line}\\t'
until_seen ${JSON.stringify(program)}
sleep 0.3
until_seen ${JSON.stringify(program)}
print -r -- "$seen"
zpty -d shell`
  const shown = execFileSync('zsh', ['-f', '-c', driver], {
    cwd: dir,
    encoding: 'utf8',
    timeout: 20_000,
  })
  // Colours and movements of the cursor are not part of the line.
  const plain = stripVTControlCharacters(shown)
  return plain.slice(plain.lastIndexOf(`${program} `) + program.length).trim()
}

function offeredByBash(program: string, ...words: string[]): string[] {
  const out = execFileSync(
    'bash',
    [
      '-c',
      `source ${dir}/${program}.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _${program}; printf '%s\\n' "\${COMPREPLY[@]}"`,
      'bash',
      program,
      ...words,
    ],
    { cwd: dir, encoding: 'utf8' },
  )
  return out.trim().split('\n')
}

describe('completion', () => {
  it.each([
    ['dfdaemon', 'setup dock', 'setup docker'],
    ['dfdaemon', '--peer-li', '--peer-listen'],
    ['dfdaemon', 'gen-', 'gen-ca'],
    ['supernode', 'config pri', 'config print'],
    ['dfget', 'cache ver', 'cache verify'],
    ['dfget', '--pattern so', '--pattern source'],
    [
      'dfdaemon',
      '--config x --log-level=info setup dock',
      '--config x --log-level=info setup docker',
    ],
    ['dfdaemon', 'setup --dry-run=t', 'setup --dry-run=true'],
  ])('zsh makes %s %s to %s', (program, line, completed) => {
    expect(completedByZsh(program, line)).toBe(completed)
  })

  it('bash offers what each program takes', () => {
    expect(offeredByBash('dfdaemon', 'undo', '')).toEqual([
      'docker',
      'containerd',
      'podman',
      'crio',
    ])
    expect(offeredByBash('dfdaemon', 'doctor', '--on')).toEqual(['--only'])
    expect(offeredByBash('dfdaemon', '--config', 'x', 'und')).toEqual(['undo'])
    expect(offeredByBash('dfdaemon', 'setup', '--dry-run', '=')).toEqual(['true', 'false'])
    expect(offeredByBash('supernode', '--tls-')).toEqual(['--tls-cert', '--tls-key'])
    expect(offeredByBash('dfget', 'preheat', 'sh')).toEqual(['show'])
    expect(offeredByBash('dfget', '--cacert', 'dfget.z')).toEqual(['dfget.zsh'])
  })
})
