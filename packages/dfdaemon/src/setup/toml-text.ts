import { type AST, parseTOML } from 'toml-eslint-parser'
import { notToml, type TomlPath, type TomlTree, tomlData } from './toml-data.ts'

/** Offsets of the first character and of the one after the last. */
type Span = readonly [start: number, end: number]

/** `key = value`, wherever it stands. */
interface TomlPair {
  /** Of the table it stands in, and its own. */
  path: TomlPath
  span: Span
  value: AST.TOMLContentNode
}

/** `[a.b]` or `[[a.b]]` with its pairs. */
export interface TomlTable {
  /** Items of arrays are counted: the second `[[registry]]` is `registry`, 1. */
  path: TomlPath
  span: Span
  headerEnd: number
}

/**
 * A TOML text with the places of what is in it, so that it can be changed without touching the rest: comments, order,
 * white space, line ends. Changes give a new text, which may be wrong where the text is written in a rare way: so it is
 * to be read again (`checkToml`).
 */
export class TomlText {
  readonly file: string
  readonly text: string
  readonly tables: readonly TomlTable[]
  readonly #pairs: readonly TomlPair[]

  /** `file` is its name in errors. @throws AppError CONFIG_INVALID when it is not TOML */
  constructor(file: string, text: string) {
    this.file = file
    this.text = text
    const body = nodesOf(file, text)
    const top = body.filter((node) => node.type === 'TOMLKeyValue')
    const tables = body.filter((node) => node.type === 'TOMLTable')
    this.tables = tables.map(({ resolvedKey: path, range: span, key }) => {
      return { path, span, headerEnd: key.range[1] }
    })
    this.#pairs = [
      ...top.map((pair) => pairOf([], pair)),
      ...tables.flatMap(({ resolvedKey, body }) => body.map((pair) => pairOf(resolvedKey, pair))),
    ]
  }

  /** What it says. A new tree each time, to be changed at will. */
  data(): TomlTree {
    return tomlData(this.file, this.text)
  }

  table(path: TomlPath): TomlTable | undefined {
    return this.tables.find((table) => isSamePath(table.path, path))
  }

  /** The table and those inside it, in the order of the file. */
  tablesFrom(path: TomlPath): TomlTable[] {
    return this.tables.filter((table) => isSamePath(table.path.slice(0, path.length), path))
  }

  has(path: TomlPath): boolean {
    return this.#pair(path) !== undefined
  }

  /** The text with lines before a table and the comments that belong to it. */
  insertBefore(table: TomlTable, lines: readonly string[]): string {
    let start = lineStart(this.text, table.span[0])
    while (start > 0) {
      const previous = lineStart(this.text, start - 1)
      if (!/^[ \t]*#/.test(this.text.slice(previous, start))) break
      start = previous
    }
    return this.#insert(start, lines)
  }

  /** The text with lines behind a table. */
  insertAfter(table: TomlTable, lines: readonly string[]): string {
    return this.#insert(lineEnd(this.text, table.span[1]), lines)
  }

  /** The text with a pair as the first one of a table. */
  insertInto(table: TomlTable, pair: string): string {
    const indent = this.text.slice(lineStart(this.text, table.span[0]), table.span[0])
    return this.#insert(lineEnd(this.text, table.headerEnd), [`${indent}  ${pair}`])
  }

  /** The text with lines at its end, after an empty one. */
  append(lines: readonly string[]): string {
    return this.#insert(this.text.length, ['', ...lines])
  }

  /** The text with another value of a pair; unchanged without that pair. */
  withValue(path: TomlPath, value: string): string {
    const pair = this.#pair(path)
    return pair === undefined ? this.text : this.#replace(pair.value.range, value)
  }

  /** The text without a pair. */
  withoutPair(path: TomlPath): string {
    const pair = this.#pair(path)
    return pair === undefined ? this.text : this.#replace(this.#lines(pair.span), '')
  }

  /** The text with a first item of a list; unchanged when there is no such list. */
  withFirstItem(path: TomlPath, item: string): string {
    const list = this.#list(path)
    if (list === undefined) return this.text
    const [first] = list.elements
    const start = first?.range[0] ?? list.range[0] + 1
    const isOneToALine = first !== undefined && this.text.slice(...list.range).includes('\n')
    const gap = isOneToALine ? this.text.slice(lineBreakBefore(this.text, start), start) : ' '
    const between = /^\r?\n[ \t]*$/.test(gap) ? gap : ' '
    return this.#replace([start, start], first === undefined ? item : `${item},${between}`)
  }

  /** The text without an item of a list. */
  withoutItem(path: TomlPath, index: number): string {
    const list = this.#list(path)
    const item = list?.elements[index]
    if (list === undefined || item === undefined) return this.text
    const [next, previous] = [list.elements[index + 1], list.elements[index - 1]]
    if (next !== undefined) return this.#replace([item.range[0], next.range[0]], '')
    if (previous !== undefined) return this.#replace([previous.range[1], item.range[1]], '')
    return this.#replace(list.range, '[]')
  }

  /** The text without a table, those inside it, and the empty line behind each. */
  withoutTables(path: TomlPath): string {
    // From the end, so that the offsets of those before stay right.
    return this.tablesFrom(path)
      .toReversed()
      .reduce((text, { span }) => {
        const [start, end] = this.#lines(span)
        const gap = /^[ \t]*\r?\n/.exec(text.slice(end))?.[0].length ?? 0
        return text.slice(0, start) + text.slice(end + gap)
      }, this.text)
  }

  #pair(path: TomlPath): TomlPair | undefined {
    return this.#pairs.find((pair) => isSamePath(pair.path, path))
  }

  #list(path: TomlPath): AST.TOMLArray | undefined {
    const value = this.#pair(path)?.value
    return value?.type === 'TOMLArray' ? value : undefined
  }

  #insert(offset: number, lines: readonly string[]): string {
    const eol = this.text.includes('\r\n') ? '\r\n' : '\n'
    const head = this.text.slice(0, offset)
    const gap = head === '' || head.endsWith('\n') ? '' : eol
    return `${head}${gap}${lines.map((line) => line + eol).join('')}${this.text.slice(offset)}`
  }

  #replace([start, end]: Span, by: string): string {
    return this.text.slice(0, start) + by + this.text.slice(end)
  }

  /** From the beginning of its first line to the end of its last. */
  #lines([start, end]: Span): Span {
    return [lineStart(this.text, start), lineEnd(this.text, end)]
  }
}

/** The first line of files that setup makes. */
export function ownHeader(runtime: string): string {
  return `${OWN_MARK}; dfdaemon undo ${runtime} takes it out again.`
}

/** Whether setup made a file, as far as it tells. */
export function isOwnFile(text: string): boolean {
  return text.startsWith(OWN_MARK)
}

const OWN_MARK = '# Written by dfdaemon setup'

/** A basic string of TOML 1.0, for texts that need no other escapes than JSON has. */
export function quoted(text: string): string {
  return JSON.stringify(text)
}

/** How the header of a table names it. */
export function tableName(path: readonly string[]): string {
  return path.map((key) => (/^[\w-]+$/.test(key) ? key : quoted(key))).join('.')
}

function nodesOf(file: string, text: string) {
  // The stricter one of the two parsers first.
  tomlData(file, text)
  try {
    return parseTOML(text, { tomlVersion: '1.0' }).body[0].body
  } catch (cause) {
    const { lineNumber: line = 1, column = 1 } = cause as { lineNumber?: number; column?: number }
    throw notToml(file, { line, column, cause })
  }
}

function pairOf(table: TomlPath, pair: AST.TOMLKeyValue): TomlPair {
  const keys = pair.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value))
  return { path: [...table, ...keys], span: pair.range, value: pair.value }
}

function isSamePath(one: TomlPath, other: TomlPath): boolean {
  return one.length === other.length && one.every((key, index) => key === other[index])
}

function lineStart(text: string, offset: number): number {
  return offset === 0 ? 0 : text.lastIndexOf('\n', offset - 1) + 1
}

/** Of the line break that ends the line before. */
function lineBreakBefore(text: string, offset: number): number {
  const newline = lineStart(text, offset) - 1
  return text[newline - 1] === '\r' ? newline - 1 : Math.max(newline, 0)
}

/** After the end of the line that `offset` is in. */
function lineEnd(text: string, offset: number): number {
  const newline = text.indexOf('\n', offset)
  return newline === -1 ? text.length : newline + 1
}
