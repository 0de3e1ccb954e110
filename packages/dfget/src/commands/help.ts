import type { Flag } from './flags.ts'

export interface Help {
  /** How it is written, and what it does. */
  usage: string
  flags: readonly Flag[]
  /** Command lines, and what each does. */
  examples: readonly (readonly [command: string, effect: string])[]
}

const exitCodes = `Exit codes: 0 done, 1 unforeseen, 2 wrong usage, 3 not found, 4 no right, 5 network or origin,
6 wrong content, 7 disk or file, 8 data directory in use, 9 refused address, 10 timed out.
See docs/reference/exit-codes.md.`

/** The help of a command: its usage, its flags by group with one line for each, exit codes, examples. */
export function formatHelp({ usage, flags, examples }: Help): string {
  const width = Math.max(...flags.map((flag) => form(flag).length))
  const groups = Map.groupBy(flags, ({ group }) => group)
  const sections = [...groups].map(([group, members]) =>
    [group, ...members.map((flag) => `  ${form(flag).padEnd(width)}  ${flag.help}`)].join('\n'),
  )
  const shown = examples.map(([command, effect]) => `  # ${effect}\n  ${command}`)
  return `${[usage, ...sections, exitCodes, ['Examples:', ...shown].join('\n')].join('\n\n')}\n`
}

function form({ name, short, value, repeats }: Flag): string {
  const operand = value === undefined ? '' : ` ${value}${repeats === true ? '…' : ''}`
  return `${short === undefined ? '   ' : `-${short},`} --${name}${operand}`
}
