import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAppError } from '@df/proto'
import { expect, onTestFinished, test } from 'vitest'
import { type CompletedCommand, completionScript } from './completion.ts'

const commands: readonly CompletedCommand[] = [
  {
    words: [],
    flags: [
      { flag: '--log-level', value: ['debug', 'info'], help: 'how much: little' },
      { flag: '--output', short: '-O', value: 'path', help: "the file's name" },
      { flag: '--name', value: 'text', help: 'a name' },
      { flag: '--yes', value: 'switch', help: 'do not ask' },
      { flag: '--help', value: 'none', help: 'print this' },
    ],
    operands: ['setup', 'config'],
  },
  {
    words: ['setup'],
    flags: [{ flag: '--dry-run', value: 'switch', help: '' }],
    operands: ['docker', 'podman'],
  },
  { words: ['config'], flags: [], operands: ['print', 'check'] },
  { words: ['config', 'print'], flags: [{ flag: '--all', value: 'none', help: '' }], operands: [] },
]

/** What bash offers for the last of these words. */
function offered(...words: string[]): string[] {
  const dir = mkdtempSync(join(tmpdir(), 'df-completion-'))
  onTestFinished(() => rmSync(dir, { recursive: true }))
  writeFileSync(join(dir, 'a file'), '')
  const script = `${completionScript('prog', ['bash'], commands)}
COMP_WORDS=("prog" "$@"); COMP_CWORD=$#
_prog; printf '%s\\n' "\${COMPREPLY[@]}"`
  const out = execFileSync('bash', ['-c', script, 'bash', ...words], { cwd: dir, encoding: 'utf8' })
  return out.split('\n').filter((line) => line !== '')
}

test('commands, their operands and their flags are offered where they belong', () => {
  expect(offered('')).toEqual(['setup', 'config'])
  expect(offered('se')).toEqual(['setup'])
  expect(offered('--y')).toEqual(['--yes'])
  expect(offered('setup', '')).toEqual(['docker', 'podman'])
  expect(offered('setup', 'docker', '-')).toEqual(['--dry-run'])
  expect(offered('config', '')).toEqual(['print', 'check'])
  expect(offered('config', 'print', '--')).toEqual(['--all'])
})

test('the value of a flag is a word of its list, a path, or nothing to guess', () => {
  expect(offered('--log-level', '')).toEqual(['debug', 'info'])
  expect(offered('--log-level', '=', 'd')).toEqual(['debug'])
  expect(offered('--log-level', '=')).toEqual(['debug', 'info'])
  expect(offered('--output', '')).toEqual(['a file'])
  expect(offered('-O', 'a')).toEqual(['a file'])
  expect(offered('--name', '')).toEqual([])
})

test('a command is found behind flags and their values', () => {
  expect(offered('--output', 'a file', '')).toEqual(['setup', 'config'])
  expect(offered('--yes', '')).toEqual(['setup', 'config'])
  expect(offered('-O', 'setup', 'c')).toEqual(['config'])
  expect(offered('--log-level', '=', 'debug', 'setup', '')).toEqual(['docker', 'podman'])
  expect(offered('--name', 'http', ':', '//a', ':', '1', '--yes', 'config', '--yes', '')).toEqual([
    'print',
    'check',
  ])
  expect(offered('word', 'setup', '')).toEqual(['setup', 'config'])
})

test('a switch may be told true or false', () => {
  expect(offered('--yes', '=')).toEqual(['true', 'false'])
  expect(offered('--yes', '=', 'f')).toEqual(['false'])
  expect(offered('setup', '--dry-run', '=')).toEqual(['true', 'false'])
  expect(offered('--help', '=')).toEqual([])
})

test('another shell is refused with those there are', () => {
  const hint = (words: string[]) => {
    try {
      completionScript('prog', words, commands)
    } catch (error) {
      return isAppError(error, 'USAGE') ? error.hint : undefined
    }
    return undefined
  }
  expect(hint(['zhs'])).toBe('write prog completion zsh')
  expect(hint([])).toBe('write prog completion bash|zsh')
})
