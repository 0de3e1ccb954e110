import { isDeepStrictEqual } from 'node:util'
import { AppError } from '@df/proto'
import { parse, TomlError } from 'smol-toml'

export type TomlTree = Record<string, unknown>

export type TomlPath = readonly (string | number)[]

/** What a TOML text says. @throws AppError CONFIG_INVALID, with `file` as the name of the text */
export function tomlData(file: string, text: string): TomlTree {
  try {
    return parse(text, { integersAsBigInt: true })
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    throw notToml(file, { line: cause.line, column: cause.column, cause })
  }
}

/**
 * Reads a changed text again: it must say exactly what was meant, so that nothing else than our keys differs.
 * @throws AppError CONFIG_INVALID with `byHand`, what to write, when it does not
 */
export function checkToml(
  { file, text, meant }: { file: string; text: string; meant: TomlTree },
  byHand: string,
): string {
  if (isDeepStrictEqual(readAgain(file, text), meant, { skipPrototype: true })) return text
  throw changeByHand(file, byHand)
}

export function changeByHand(file: string, byHand: string): AppError {
  return new AppError('CONFIG_INVALID', `${file} is written in a way that setup cannot change`, {
    hint: `change it by hand: ${byHand}`,
  })
}

export function notToml(
  file: string,
  { line, column, cause }: { line: number; column: number; cause: unknown },
): AppError {
  return new AppError('CONFIG_INVALID', `${file} is not TOML: line ${line}, column ${column}`, {
    hint: 'mend it',
    cause,
  })
}

/** The tree at a path of a tree. */
export function treeAt(tree: unknown, path: TomlPath): TomlTree | undefined {
  let at: unknown = tree
  for (const key of path) {
    if (typeof at !== 'object' || at === null) return undefined
    at = (at as TomlTree)[key]
  }
  return typeof at === 'object' && at !== null && !Array.isArray(at) ? (at as TomlTree) : undefined
}

/** Sets a value in a tree, with the trees around it where they are missing. */
export function setAt(tree: TomlTree, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path
  if (rest.length === 0) tree[key] = value
  else setAt(treeAt(tree, [key]) ?? newTree(tree, key), rest, value)
}

/** The texts of a value that should be a list of texts. */
export function textsIn(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** The trees of a value that should be a list of trees. */
export function treesIn(value: unknown): TomlTree[] {
  return Array.isArray(value) ? value.filter((item) => treeAt(item, []) !== undefined) : []
}

function newTree(parent: TomlTree, key: string): TomlTree {
  const tree = {}
  parent[key] = tree
  return tree
}

function readAgain(file: string, text: string): TomlTree | undefined {
  try {
    return tomlData(file, text)
  } catch {
    return undefined
  }
}
