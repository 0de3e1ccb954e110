import { expect, test } from 'vitest'
import { commandFirst } from './command-first.ts'

const words = {
  names: ['setup', 'config'],
  takesValue: (flag: string) => ['--config', '-O'].includes(flag),
}

test.each([
  ['setup docker', 'setup docker'],
  ['--config x setup docker --yes', 'setup docker --yes --config x'],
  ['--config=x --insecure config print', 'config print --config=x --insecure'],
  ['-O config setup', 'setup -O config'],
])('in %j the command is found: %j', (line, found) => {
  expect(commandFirst(line.split(' '), words).join(' ')).toBe(found)
})

test.each([
  '',
  '--config setup',
  '--insecure docker setup',
  '-- setup',
  '--config x -- setup',
  '--insecure',
])('in %j there is none', (line) => {
  expect(commandFirst(line.split(' '), words).join(' ')).toBe(line)
})
