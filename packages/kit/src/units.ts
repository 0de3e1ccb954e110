import { AppError } from '@df/proto'

const KiB = 1024
const binary = [
  ['TiB', KiB ** 4],
  ['GiB', KiB ** 3],
  ['MiB', KiB ** 2],
  ['KiB', KiB],
] as const
const decimal = [
  ['TB', 1e12],
  ['GB', 1e9],
  ['MB', 1e6],
  ['kB', 1e3],
] as const
const sizeFactors = new Map<string, number>([
  ['', 1],
  ['b', 1],
  ...binary.map(([name, factor]) => [name.toLowerCase(), factor] as const),
  ...decimal.map(([name, factor]) => [name.toLowerCase(), factor] as const),
  // One letter alone means powers of 1024, as in docker, dd and curl.
  ...binary.map(([name, factor]) => [name.slice(0, 1).toLowerCase(), factor] as const),
])
const bitFactors = new Map<string, number>([
  ['bit', 1 / 8],
  ['kbit', 1e3 / 8],
  ['mbit', 1e6 / 8],
  ['gbit', 1e9 / 8],
])
const times = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1000],
  ['ms', 1],
] as const
const timeFactors = new Map<string, number>(times)

const numberAndUnit = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i
const SIZE_EXAMPLES = 'write a size such as 512KiB, 64MiB, 10GB or 4096'
const RATE_EXAMPLES = 'write a rate such as 10MB/s, 512KiB/s, 100Mbit/s, or 0 for no limit'
const TIME_EXAMPLES = 'write a duration such as 500ms, 30s, 1m30s or 2h'

/**
 * Bytes of `64MiB` (powers of 1024: KiB, MiB, GiB, TiB, or one letter), `10MB` (powers of 1000), `4096`.
 * @throws AppError CONFIG_INVALID
 */
export function parseSize(text: string): number {
  return parseNumber(text, sizeFactors, 'a size', SIZE_EXAMPLES)
}

/**
 * Bytes per second of `10MB/s`, `512KiB/s`, `100Mbit/s`, `4096`; the `/s` may be left out. 0 means no limit.
 * @throws AppError CONFIG_INVALID
 */
export function parseRate(text: string): number {
  const factors = new Map([...sizeFactors, ...bitFactors])
  return parseNumber(text.replace(/\/s$/i, ''), factors, 'a rate', RATE_EXAMPLES)
}

/**
 * Milliseconds of `500ms`, `30s`, `1m30s`, `2h`, `1d`, `0`. A number without unit is refused unless 0.
 * @throws AppError CONFIG_INVALID
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim().toLowerCase()
  if (/^0+$/.test(trimmed)) return 0
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)(ms|[dhms])/gy)]
  const matched = parts.reduce((length, part) => length + part[0].length, 0)
  if (parts.length === 0 || matched !== trimmed.length) {
    throw notA('a duration', text, TIME_EXAMPLES)
  }
  const ms = parts.reduce(
    (sum, [, count, unit]) => sum + Number(count) * (timeFactors.get(unit ?? '') ?? Number.NaN),
    0,
  )
  return whole(ms, 'a duration', text, TIME_EXAMPLES)
}

/** For people: three digits and a unit, `1.46 MiB`. */
export function formatSize(bytes: number): string {
  const [name, factor] = binary.find(([, size]) => bytes >= size) ?? ['B', 1]
  return `${threeDigits(bytes / factor)} ${name}`
}

/** For people: `12.3 MiB/s`. */
export function formatRate(bps: number): string {
  return `${formatSize(bps)}/s`
}

/** For people: `87ms`, `12.4s`, `3m05s`, `2h07m`. */
export function formatDuration(ms: number): string {
  if (ms < 999.5) return `${Math.round(ms)}ms`
  if (ms < 59_950) return `${(ms / 1000).toFixed(1).replace(/\.0$/, '')}s`
  const seconds = Math.round(ms / 1000)
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes}m${twoDigits(seconds % 60)}s`
  return `${Math.floor(minutes / 60)}h${twoDigits(minutes % 60)}m`
}

/** Shortest text that {@link parseSize} reads as exactly these bytes. */
export function exactSize(bytes: number): string {
  if (bytes === 0) return '0'
  const [name, factor] = [...binary, ...decimal].find(([, size]) => bytes % size === 0) ?? ['B', 1]
  return `${bytes / factor}${name}`
}

/** Shortest text that {@link parseRate} reads as exactly this rate. */
export function exactRate(bps: number): string {
  return bps === 0 ? '0' : `${exactSize(bps)}/s`
}

/** Shortest text that {@link parseDuration} reads as exactly these milliseconds. */
export function exactDuration(ms: number): string {
  if (ms === 0) return '0s'
  const [name, factor] = times.find(([, size]) => ms % size === 0) ?? ['ms', 1]
  return `${ms / factor}${name}`
}

function parseNumber(
  text: string,
  factors: ReadonlyMap<string, number>,
  what: string,
  hint: string,
): number {
  const match = numberAndUnit.exec(text.trim())
  const factor = factors.get((match?.[2] ?? '').toLowerCase())
  if (match === null || factor === undefined) throw notA(what, text, hint)
  return whole(Number(match[1]) * factor, what, text, hint)
}

function whole(value: number, what: string, text: string, hint: string): number {
  const rounded = Math.round(value)
  if (!Number.isSafeInteger(rounded)) throw notA(what, text, hint)
  return rounded
}

function notA(what: string, text: string, hint: string): AppError {
  return new AppError('CONFIG_INVALID', `'${text}' is not ${what}`, { hint })
}

function threeDigits(value: number): string {
  if (value >= 99.95 || Number.isInteger(value)) return String(Math.round(value))
  return value >= 9.995 ? value.toFixed(1) : value.toFixed(2)
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0')
}
