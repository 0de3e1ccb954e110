import {
  type CompletedCommand,
  type CompletedFlag,
  type CompletedValue,
  completionScript,
} from '@df/kit'
import { cacheFlags, type Flag, getFlags, withCommon } from './flags.ts'
import { preheatActions, preheatFlags, preheatJobFlags } from './preheat-flags.ts'

const commands: readonly CompletedCommand[] = [
  { words: [], flags: flagsOf(getFlags), operands: ['cache', 'preheat', 'completion'] },
  { words: ['cache'], flags: flagsOf(cacheFlags), operands: ['ls', 'rm', 'verify'] },
  { words: ['preheat'], flags: flagsOf(preheatFlags), operands: preheatActions },
  ...preheatActions.map((action) => ({
    words: ['preheat', action],
    flags: flagsOf(preheatJobFlags),
    operands: [],
  })),
  { words: ['completion'], flags: [], operands: ['bash', 'zsh'] },
]

/** The script that makes a shell complete command lines of dfget. @throws AppError USAGE for another shell */
export function completion(words: readonly string[]): string {
  return completionScript('dfget', words, commands)
}

function flagsOf(flags: readonly Flag[]): CompletedFlag[] {
  return withCommon(flags).map(({ name, short, value, help }) => ({
    flag: `--${name}`,
    ...(short === undefined ? {} : { short: `-${short}` }),
    value: valueOf(value),
    help,
  }))
}

/** What a value is by what help writes for it. */
function valueOf(form: string | undefined): CompletedValue {
  if (form === undefined) return 'switch'
  if (form === 'FILE' || form === 'DIR') return 'path'
  return /^[a-z0-9]+(\|[a-z0-9]+)+$/.test(form) ? form.split('|') : 'text'
}
