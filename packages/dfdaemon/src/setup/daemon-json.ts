import { isDeepStrictEqual } from 'node:util'
import { AppError } from '@df/proto'
import { applyEdits, type JSONPath, modify } from 'jsonc-parser'
import { isSameUrl } from './hosts-toml.ts'

/** docker's `daemon.json`, and the mirror in question. */
export interface DaemonJson {
  file: string
  /** Absent: there is no such file. */
  text: string | undefined
  /** URL of the mirror. */
  mirror: string
}

const KEY = 'registry-mirrors'
const BOM = '\uFEFF'

/** The text with the mirror as the first of docker's. @throws AppError CONFIG_INVALID */
export function addRegistryMirror({ file, text, mirror }: DaemonJson): string {
  if (text === undefined || text.trim() === '') return `{\n  "${KEY}": ["${mirror}"]\n}\n`
  const settings = settingsIn(file, text)
  const mirrors = mirrorsOf(file, settings)
  const [first] = mirrors
  if (first !== undefined && isSameUrl(first, mirror)) return text
  const at = mirrors.findIndex((one) => isSameUrl(one, mirror))
  if (at > 0) {
    return addRegistryMirror({ file, text: removeRegistryMirror({ file, text, mirror }), mirror })
  }
  const after =
    mirrors.length === 0
      ? edit(text, [KEY], [mirror])
      : edit(text, [KEY, 0], mirror, { isArrayInsertion: true })
  return checkJson({ file, text: after, meant: { ...settings, [KEY]: [mirror, ...mirrors] } })
}

/** The same without the mirror. @throws AppError CONFIG_INVALID */
export function removeRegistryMirror({ file, text = '', mirror }: DaemonJson): string {
  if (text.trim() === '') return text
  const settings = settingsIn(file, text)
  const mirrors = mirrorsOf(file, settings)
  const at = mirrors.findIndex((one) => isSameUrl(one, mirror))
  if (at < 0) return text
  const others = mirrors.toSpliced(at, 1)
  const { [KEY]: _, ...meant } = settings
  if (others.length === 0) return checkJson({ file, text: edit(text, [KEY], undefined), meant })
  // The list as a whole: the editor does not take single items out of lists well.
  const after = edit(text, [KEY], others)
  return checkJson({ file, text: after, meant: { ...meant, [KEY]: others } })
}

/** The mirrors that a text sets; undefined when it leaves them unset. @throws AppError CONFIG_INVALID */
export function registryMirrorsIn(file: string, text = ''): string[] | undefined {
  if (text.trim() === '') return undefined
  const settings = settingsIn(file, text)
  return KEY in settings ? mirrorsOf(file, settings) : undefined
}

/** The text with an empty list of mirrors. @throws AppError CONFIG_INVALID */
export function emptyRegistryMirrors(file: string, text = ''): string {
  if (text.trim() === '') return `{ "${KEY}": [] }\n`
  const meant = { ...settingsIn(file, text), [KEY]: [] }
  return checkJson({ file, text: edit(text, [KEY], []), meant })
}

function mirrorsOf(file: string, settings: Record<string, unknown>): string[] {
  const value = settings[KEY] ?? []
  if (Array.isArray(value) && value.every((item) => typeof item === 'string')) return value
  throw new AppError('CONFIG_INVALID', `${file}: ${KEY} is not a list of URLs`, {
    hint: 'docker does not start with it: mend it',
  })
}

/** docker takes strict JSON only: no comments, no comma too many. */
function settingsIn(file: string, text: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text.replace(BOM, ''))
  } catch (cause) {
    throw new AppError('CONFIG_INVALID', `${file} is not JSON: ${(cause as Error).message}`, {
      hint: 'docker does not start with it: mend it',
      cause,
    })
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new AppError('CONFIG_INVALID', `${file} is not a JSON object`, {
    hint: 'docker does not start with it: mend it',
  })
}

function edit(
  text: string,
  path: JSONPath,
  value: unknown,
  options: { isArrayInsertion?: boolean } = {},
): string {
  const mark = text.startsWith(BOM) ? BOM : ''
  const body = text.slice(mark.length)
  const indent = /^([ \t]+)"/m.exec(body)?.[1] ?? '  '
  const edits = modify(body, path, value, {
    ...options,
    formattingOptions: {
      insertSpaces: !indent.includes('\t'),
      tabSize: indent.length,
      eol: body.includes('\r\n') ? '\r\n' : '\n',
    },
  })
  return mark + applyEdits(body, edits)
}

function checkJson({ file, text, meant }: { file: string; text: string; meant: object }): string {
  if (isDeepStrictEqual(readAgain(text), meant)) return text
  throw new AppError('CONFIG_INVALID', `${file} is written in a way that setup cannot change`, {
    hint: `change "${KEY}" in it by hand`,
  })
}

function readAgain(text: string): unknown {
  try {
    return JSON.parse(text.replace(BOM, ''))
  } catch {
    return undefined
  }
}
