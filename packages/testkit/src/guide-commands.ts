import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'

/** A command line as a guide shows it. */
export interface GuideCommand {
  /** Which guide, and the line as it stands there. */
  place: string
  /** Behind the name of the program. */
  words: string[]
  /** Within a sentence: it may end before what a whole command needs. */
  isMention: boolean
}

const repository = join(import.meta.dirname, '../../..')

/** Words that stand for something, and something they can stand for. */
const placeholders: Readonly<Record<string, string>> = {
  FILE: '/file',
  PATH: '/path',
  URL: 'https://example.com',
  'URL,URL': 'https://a.example.com,https://b.example.com',
  'HOST=URL': 'example.com=https://example.com',
  ENGINE: 'docker',
  NAME: 'name',
}

/** Every command line of a program in README.md and docs/guide: in blocks, and within sentences. */
export function guideCommands(program: string): GuideCommand[] {
  return guides().flatMap(({ name, text }) => {
    const mentions = [...text.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
    const lines = guideBlocks(text).flatMap((block) => block.replaceAll(/\\\n\s*/g, '').split('\n'))
    const commands = (from: string[], isMention: boolean) =>
      from.flatMap((line) =>
        simpleCommands(line)
          .filter(([word]) => word === program)
          .map(([, ...words]) => ({ place: `${name}: ${line}`, words: meant(words), isMention })),
      )
    return [...commands(lines, false), ...commands(mentions, true)]
  })
}

/** What `parse`, which throws, has against a command line; undefined when it takes it. A mention may be incomplete. */
export async function guideFault(
  { words, isMention }: GuideCommand,
  parse: (words: string[]) => unknown,
): Promise<string | undefined> {
  try {
    await parse(words)
    return undefined
  } catch (error) {
    const { message } = error as Error
    return isMention && / needs | is required|^which /.test(message) ? undefined : message
  }
}

/** The blocks of code of all guides. */
export function allGuideBlocks(): string[] {
  return guides().flatMap(({ text }) => guideBlocks(text))
}

/** Blocks of code in a text: what is indented by four, without the indent; a blank line begins another. */
export function guideBlocks(text: string): string[] {
  const blocks = text.matchAll(/(?<=\n\n)(?: {4}.*\n)+/g)
  return [...blocks].map(([block]) => block.replaceAll(/^ {4}/gm, ''))
}

/**
 * The block of a text that has `word` in it, with other addresses.
 * @throws Error when one of those that are changed is not in it
 */
export function guideBlockWith(
  text: string,
  word: string,
  changes: Readonly<Record<string, string>>,
): string {
  const found = guideBlocks(text).find((block) => block.includes(word))
  return Object.entries(changes).reduce((block, [from, to]) => {
    if (!block.includes(from)) throw new Error(`the block with ${word} has no ${from}`)
    return block.replaceAll(from, to)
  }, found ?? '')
}

function guides(): { name: string; text: string }[] {
  const folder = join(repository, 'docs/guide')
  const paths = [
    join(repository, 'README.md'),
    ...readdirSync(folder).map((name) => join(folder, name)),
  ]
  return paths.map((path) => ({
    name: relative(repository, path),
    text: readFileSync(path, 'utf8'),
  }))
}

/** Words with something in the place of what is left out. */
function meant(words: readonly string[]): string[] {
  return words
    .filter((word, at) => word !== '…' || words[at - 1]?.startsWith('--'))
    .map((word) => placeholders[word] ?? filledIn(word))
}

function filledIn(word: string): string {
  return word
    .replace('://…', '://example.com')
    .replace('sha256:…', `sha256:${'0'.repeat(64)}`)
    .replaceAll('…', 'sixteen-letters-x')
}

const separator = /^(?:\||\|\||&&|&|;|then|do|source)$/

/** The commands of a line of shell, as words; comments and redirections are dropped. `a|b` are alternatives, no pipe. */
function simpleCommands(line: string): string[][] {
  const commands: string[][] = [[]]
  for (const [token] of line.matchAll(/(?:'[^']*'|"[^"]*"|\S)+/g)) {
    if (/^(?:#|[<>]$)/.test(token)) break
    const isOpening = /^[<$]\(/.test(token)
    if (isOpening || separator.test(token)) commands.push([])
    if (separator.test(token)) continue
    const word = token.replace(/^[<$]\(/, '').replace(/[;)]+$/, '')
    commands.at(-1)?.push(word.replaceAll(/['"]/g, ''))
    if (/[;)]$/.test(token)) commands.push([])
  }
  return commands
}
