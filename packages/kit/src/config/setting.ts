import { isAbsolute, resolve } from 'node:path'
import { type TProperties, type TSchema, Type } from 'typebox'
import { parseListen } from '../listen.ts'
import {
  exactDuration,
  exactRate,
  exactSize,
  parseDuration,
  parseRate,
  parseSize,
} from '../units.ts'

/**
 * Keywords that a property of a configuration schema may have besides JSON Schema's own. For lists and maps,
 * `unit` and `placeholder` are those of the items.
 */
export interface SettingKeywords {
  description: string
  /** In the file's form: `'64MiB'` or a number of bytes. */
  default?: unknown
  /** Said in help instead of a default that depends on the machine. */
  defaultText?: string
  unit?: Unit
  /** Applied on SIGHUP, without a restart. */
  reloadable?: true
  /** Items of the list hold commas themselves: a flag gives one, the environment a line each. */
  lines?: true
  /** Never shown; also read from the file that the environment variable `<NAME>_FILE` names. */
  secret?: true
  /** The flag's name, when it is not the one derived from the key. */
  flag?: string
  /** What help puts for the value. */
  placeholder?: string
}

/**
 * - `bytes`, `bps` (bytes per second), `duration` (milliseconds): text such as `64MiB` outside, a number inside
 * - `percent`: `80%` outside, 80 inside
 * - `address`: `HOST:PORT` · `url`: http or https
 * - `path`: relative to the working directory, or to the file it stands in; absolute inside
 */
export type Unit = 'bytes' | 'bps' | 'duration' | 'percent' | 'address' | 'url' | 'path'

/** One thing that can be configured: a leaf of a program's schema. */
export interface Setting {
  path: readonly string[]
  /** `gc.diskHigh` */
  key: string
  /** `--gc.disk-high` */
  flag: string
  /** `SUPERNODE_GC__DISK_HIGH` */
  env: string
  shape: 'one' | 'list' | 'map'
  kind: 'text' | 'number' | 'switch' | 'choice'
  choices: readonly string[]
  unit: Unit | undefined
  placeholder: string
  description: string
  required: boolean
  default: unknown
  defaultText: string | undefined
  reloadable: boolean
  secret: boolean
  lines: boolean
  schema: TSchema
}

interface UnitRule {
  placeholder: string
  parse: (text: string, baseDir: string) => string | number
  /** Absent: text stays text. */
  format?: (value: number) => string
}

const unitRules: Readonly<Record<Unit, UnitRule>> = {
  bytes: { placeholder: 'SIZE', parse: parseSize, format: exactSize },
  bps: { placeholder: 'RATE', parse: parseRate, format: exactRate },
  duration: { placeholder: 'DURATION', parse: parseDuration, format: exactDuration },
  percent: { placeholder: 'PERCENT', parse: parsePercent, format: (value) => `${value}%` },
  address: { placeholder: 'HOST:PORT', parse: checkAddress },
  url: { placeholder: 'URL', parse: checkUrl },
  path: { placeholder: 'PATH', parse: absolutePath },
}

/** @throws TypeError when the schema holds something that cannot be configured: a bug of the program */
export function settingsOf(envPrefix: string, properties: TProperties): Setting[] {
  return collect(envPrefix, properties, [])
}

/**
 * The value of one item from its text.
 * @throws Error with a sentence about the text; AppError with a hint where one exists
 */
export function parseItem(setting: Setting, text: string, baseDir: string): unknown {
  if (setting.unit !== undefined) return unitRules[setting.unit].parse(text, baseDir)
  switch (setting.kind) {
    case 'text':
    case 'choice':
      return text
    case 'switch':
      if (/^(true|yes|on|1)$/i.test(text)) return true
      if (/^(false|no|off|0)$/i.test(text)) return false
      throw new Error(`'${text}' is neither true nor false`)
    case 'number':
      if (text.trim() === '' || !Number.isFinite(Number(text))) {
        throw new Error(`'${text}' is not a number`)
      }
      return Number(text)
  }
}

/** The item as the configuration file writes it. */
export function formatItem(setting: Setting, value: unknown): unknown {
  const format = setting.unit === undefined ? undefined : unitRules[setting.unit].format
  return format !== undefined && typeof value === 'number' ? format(value) : value
}

function collect(envPrefix: string, properties: TProperties, above: readonly string[]): Setting[] {
  return Object.entries(properties).flatMap(([name, schema]) => {
    const path = [...above, name]
    // `Type.Record` is an object too, without named properties.
    if (Type.IsObject(schema) && !Type.IsRecord(schema)) {
      return collect(envPrefix, schema.properties, path)
    }
    return [settingOf(envPrefix, path, schema)]
  })
}

function settingOf(envPrefix: string, path: readonly string[], schema: TSchema): Setting {
  const key = path.join('.')
  const words = schema as Partial<SettingKeywords>
  if (words.description === undefined) throw new TypeError(`setting ${key} has no description`)
  const shape = Type.IsArray(schema) ? 'list' : Type.IsRecord(schema) ? 'map' : 'one'
  const item = itemSchema(schema)
  const unit = words.unit ?? (item as Partial<SettingKeywords>).unit
  const { kind, choices } = kindOf(key, item)
  const kebab = path.map(kebabCase)
  return {
    path,
    key,
    flag: `--${words.flag ?? kebab.join('.')}`,
    env: `${envPrefix}_${kebab.map((part) => part.replaceAll('-', '_').toUpperCase()).join('__')}`,
    shape,
    kind,
    choices,
    unit,
    placeholder: words.placeholder ?? placeholderOf(kind, choices, unit),
    description: words.description,
    required: !Type.IsOptional(schema),
    default: words.default ?? emptyValue(schema, kind),
    defaultText: words.defaultText,
    reloadable: words.reloadable === true,
    secret: words.secret === true,
    lines: words.lines === true,
    schema,
  }
}

function itemSchema(schema: TSchema): TSchema {
  if (Type.IsArray(schema)) return schema.items
  if (Type.IsRecord(schema)) return Object.values(schema.patternProperties)[0] ?? Type.Unknown()
  return schema
}

function kindOf(key: string, item: TSchema): Pick<Setting, 'kind' | 'choices'> {
  if (Type.IsString(item)) return { kind: 'text', choices: [] }
  if (Type.IsInteger(item) || Type.IsNumber(item)) return { kind: 'number', choices: [] }
  if (Type.IsBoolean(item)) return { kind: 'switch', choices: ['true', 'false'] }
  if (Type.IsUnion(item)) {
    const choices = item.anyOf.map((option) => (Type.IsLiteral(option) ? option.const : undefined))
    if (choices.every((choice) => typeof choice === 'string')) return { kind: 'choice', choices }
  }
  throw new TypeError(`setting ${key} has a type that cannot be configured`)
}

/** What stands for a value that was not given: no items, or off. */
function emptyValue(schema: TSchema, kind: Setting['kind']): unknown {
  if (Type.IsOptional(schema)) return undefined
  const { minItems = 0 } = schema as { minItems?: number }
  if (Type.IsArray(schema)) return minItems > 0 ? undefined : []
  if (Type.IsRecord(schema)) return {}
  return kind === 'switch' ? false : undefined
}

function placeholderOf(
  kind: Setting['kind'],
  choices: readonly string[],
  unit: Unit | undefined,
): string {
  if (unit !== undefined) return unitRules[unit].placeholder
  switch (kind) {
    case 'text':
      return 'TEXT'
    case 'number':
      return 'N'
    case 'choice':
    case 'switch':
      return choices.join('|')
  }
}

function kebabCase(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase()
}

function parsePercent(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*%?$/.exec(text.trim())
  if (match === null) throw new Error(`'${text}' is not a percentage such as 80%`)
  return Number(match[1])
}

function checkAddress(text: string): string {
  parseListen(text)
  return text.trim()
}

function checkUrl(text: string): string {
  const url = URL.parse(text)
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new Error(`'${text}' is not a URL that begins with http:// or https://`)
  }
  return text
}

function absolutePath(text: string, baseDir: string): string {
  return isAbsolute(text) ? text : resolve(baseDir, text)
}
