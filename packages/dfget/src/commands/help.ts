import type { Flag } from './flags.ts'

const COLUMNS = 100
const TEXT_AT = 30

/** The help of a command: its usage, its flags by group, and what else there is to know. */
export function formatHelp(usage: string, flags: readonly Flag[], epilogue: string): string {
  const groups = Map.groupBy(flags, ({ group }) => group)
  const sections = [...groups].map(([group, members]) =>
    [group, ...members.flatMap(flagLines)].join('\n'),
  )
  return `${[usage, ...sections, epilogue].join('\n\n')}\n`
}

function flagLines({ name, short, value, repeats, help }: Flag): string[] {
  const operand = value === undefined ? '' : ` ${value}${repeats === true ? '…' : ''}`
  const left = `  ${short === undefined ? '   ' : `-${short},`} --${name}${operand}`
  const lines = wrap(help, COLUMNS - TEXT_AT).map((line) => ' '.repeat(TEXT_AT) + line)
  const [first = '', ...rest] = lines
  return left.length + 2 > TEXT_AT
    ? [left, ...lines]
    : [left.padEnd(TEXT_AT) + first.trimStart(), ...rest]
}

function wrap(text: string, width: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1) ?? ''
    if (line !== '' && line.length + 1 + word.length > width) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}
