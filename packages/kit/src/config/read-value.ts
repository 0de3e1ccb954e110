import { isAppError } from '@df/proto'
import { Value } from 'typebox/value'
import type { Fault } from './fault.ts'
import { nearest } from './nearest.ts'
import { formatItem, parseItem, type Setting } from './setting.ts'

/** A value in the configuration's own form, or what is wrong with what was given. */
export type ReadResult = { value: unknown } | { faults: Omit<Fault, 'where'>[] }

/**
 * Reads what flags and the environment give. `texts` holds one entry for each time it was given. Lists and
 * maps (`NAME=VALUE`) may also be written with commas, lists of `lines` with line breaks; flags of maps may not, since
 * values are often URLs.
 */
export function readTexts(
  setting: Setting,
  texts: readonly string[],
  baseDir: string,
  splitMaps: boolean,
): ReadResult {
  if (setting.shape === 'one') {
    const [text = '', ...more] = texts
    if (more.length > 0) return fault('is given more than once')
    if (text === '') return fault(`needs a value: ${setting.placeholder}`)
    return readOne(setting, text, baseDir)
  }
  const split = setting.shape === 'list' || splitMaps
  const parts = (split ? texts.flatMap((text) => text.split(setting.lines ? '\n' : ',')) : texts)
    .map((part) => part.trim())
    .filter((part) => part !== '')
  if (parts.length === 0) return fault(`needs a value: ${setting.placeholder}`)
  if (setting.shape === 'list') return readItems(setting, parts, baseDir)
  const pairs = parts.map((part): [string, string] => {
    const equals = part.indexOf('=')
    return equals < 1 ? ['', part] : [part.slice(0, equals), part.slice(equals + 1)]
  })
  const wrong = pairs.find(([name]) => name === '')
  if (wrong !== undefined) {
    return fault(`${quoted(setting, wrong[1])} is not of the form ${setting.placeholder}`)
  }
  const names = pairs.map(([name]) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) return fault(`gives ${twice} more than once`)
  return readMap(setting, pairs, baseDir)
}

/** Reads what a configuration file gives (and defaults, which have the same form). */
export function readNative(setting: Setting, given: unknown, baseDir: string): ReadResult {
  if (given === null || given === undefined) return fault('has no value')
  if (setting.shape === 'list') {
    if (typeof given === 'string') return readTexts(setting, [given], baseDir, true)
    if (!Array.isArray(given)) return fault('must be a list')
    return readItems(setting, given, baseDir)
  }
  if (setting.shape === 'map') {
    if (typeof given !== 'object' || Array.isArray(given))
      return fault('must be a table of names and values')
    return readMap(setting, Object.entries(given), baseDir)
  }
  return readOne(setting, given, baseDir)
}

/** What the schema says against a value that could be read. */
function checkValue(setting: Setting, value: unknown): Omit<Fault, 'where'>[] {
  if (setting.kind === 'choice' && setting.shape === 'one') return []
  return Value.Errors(setting.schema, value).map((error) => {
    const at = error.instancePath.slice(1)
    return { what: `${at === '' ? '' : `item ${at} `}${complaint(setting, error)}` }
  })
}

function readOne(setting: Setting, given: unknown, baseDir: string): ReadResult {
  const read = readItem(setting, given, baseDir)
  if ('faults' in read) return read
  const faults = checkValue(setting, read.value)
  return faults.length > 0 ? { faults } : read
}

function readItems(setting: Setting, items: readonly unknown[], baseDir: string): ReadResult {
  const read = items.map((item) => readItem(setting, item, baseDir))
  const faults = read.flatMap((result) => ('faults' in result ? result.faults : []))
  if (faults.length > 0) return { faults }
  const value = read.map((result) => ('value' in result ? result.value : undefined))
  const complaints = checkValue(setting, value)
  return complaints.length > 0 ? { faults: complaints } : { value }
}

function readMap(
  setting: Setting,
  pairs: readonly (readonly [string, unknown])[],
  baseDir: string,
): ReadResult {
  const items = readItems(
    { ...setting, schema: {} },
    pairs.map(([, item]) => item),
    baseDir,
  )
  if ('faults' in items) return items
  const values = items.value as unknown[]
  const value = Object.fromEntries(pairs.map(([name], index) => [name, values[index]]))
  const faults = checkValue(setting, value)
  return faults.length > 0 ? { faults } : { value }
}

function readItem(setting: Setting, given: unknown, baseDir: string): ReadResult {
  if (typeof given === 'string') {
    try {
      const value = parseItem(setting, given, baseDir)
      return setting.kind === 'choice' ? checkChoice(setting, given) : { value }
    } catch (error) {
      if (setting.secret) return fault(`is not of the form ${setting.placeholder}`)
      return fault((error as Error).message, isAppError(error) ? error.hint : undefined)
    }
  }
  if (typeof given === 'boolean' && setting.kind === 'switch') return { value: given }
  if (typeof given === 'number' && setting.kind === 'number') {
    // A number without unit says bytes; of a duration it does not say what.
    if (setting.unit === 'duration' && given !== 0) {
      return fault(`${given} has no unit`, `write ${given}ms or ${given}s`)
    }
    return { value: given }
  }
  if (setting.kind === 'text' && typeof given !== 'object') {
    return fault(
      `must be text, not ${setting.secret ? 'a number' : JSON.stringify(given)}`,
      'put it in quotes',
    )
  }
  return fault(`must be ${expected(setting)}`)
}

function checkChoice(setting: Setting, text: string): ReadResult {
  if (setting.choices.includes(text)) return { value: text }
  const meant = nearest(text, setting.choices)
  return fault(
    `${quoted(setting, text)} is none of ${setting.choices.join(', ')}`,
    meant === undefined ? undefined : `did you mean ${meant}?`,
  )
}

/** Faults are printed and logged, so they do not repeat secrets. */
function quoted(setting: Setting, text: string): string {
  return setting.secret ? 'the value' : `'${text}'`
}

function expected(setting: Setting): string {
  switch (setting.kind) {
    case 'text':
      return 'text'
    case 'number':
      return setting.unit === undefined ? 'a number' : `of the form ${setting.placeholder}`
    case 'switch':
      return 'true or false'
    case 'choice':
      return `one of ${setting.choices.join(', ')}`
  }
}

function complaint(
  setting: Setting,
  { keyword, params, message }: ReturnType<typeof Value.Errors>[number],
): string {
  const limit = 'limit' in params ? String(formatItem(setting, params.limit)) : ''
  const sentences: Readonly<Record<string, string>> = {
    minimum: `must be at least ${limit}`,
    maximum: `must be at most ${limit}`,
    exclusiveMinimum: `must be more than ${limit}`,
    exclusiveMaximum: `must be less than ${limit}`,
    minItems: `needs at least ${limit} of ${setting.placeholder}`,
    pattern: `is not of the form ${setting.placeholder}`,
    ...(setting.kind === 'number' ? { type: 'must be a whole number' } : {}),
  }
  return sentences[keyword] ?? message
}

function fault(what: string, hint?: string): ReadResult {
  return { faults: [{ what, ...(hint === undefined ? {} : { hint }) }] }
}
