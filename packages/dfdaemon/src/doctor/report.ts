import { redactText } from '@df/kit'
import type { Level } from './check.ts'
import type { Diagnosis } from './examine.ts'

const colours: Readonly<Record<Level, string>> = {
  ok: '\u001b[32m',
  warning: '\u001b[33m',
  error: '\u001b[31m',
  skipped: '\u001b[2m',
}
const plain = '\u001b[0m'

/** Lines for people: the check, its level and what was found; below, how to mend it. */
export function textReport(found: readonly Diagnosis[], { colour }: { colour: boolean }): string {
  const nameWidth = Math.max(0, ...found.map(({ check }) => check.length))
  const levelWidth = 'warning'.length
  const indent = ' '.repeat(nameWidth + levelWidth + 4)
  const lines = found.flatMap(({ check, level, message, mend }) => {
    const word = level.padEnd(levelWidth)
    const shown = colour ? `${colours[level]}${word}${plain}` : word
    return [
      `${check.padEnd(nameWidth)}  ${shown}  ${oneLine(message)}`,
      ...(mend === undefined ? [] : [`${indent}→ ${oneLine(mend)}`]),
    ]
  })
  return [...lines, '', summary(found), ''].join('\n')
}

/** One JSON object for programs. */
export function jsonReport(found: readonly Diagnosis[]): string {
  const findings = found.map(({ message, mend, ...rest }) => ({
    ...rest,
    message: oneLine(message),
    ...(mend === undefined ? {} : { mend: oneLine(mend) }),
  }))
  const healthy = count(found, 'error') === 0
  const counts = { errors: count(found, 'error'), warnings: count(found, 'warning') }
  return `${JSON.stringify({ healthy, ...counts, findings }, undefined, 2)}\n`
}

export function count(found: readonly Diagnosis[], level: Level): number {
  return found.filter((finding) => finding.level === level).length
}

function summary(found: readonly Diagnosis[]): string {
  const [errors, warnings, skips] = [
    count(found, 'error'),
    count(found, 'warning'),
    count(found, 'skipped'),
  ]
  const parts = [plural(errors, 'error'), plural(warnings, 'warning'), `${skips} skipped`]
  return errors === 0 ? `healthy: ${parts.join(', ')}` : parts.join(', ')
}

function plural(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`
}

/** Messages of others may hold line ends, control characters and credentials. */
function oneLine(text: string): string {
  return redactText(text).replace(/[\s\p{Cc}]+/gu, ' ')
}
