/** Half-open byte range: `end` is not part of it. */
export interface ByteRange {
  start: number
  end: number
}

export interface ContentRange extends ByteRange {
  /** Size of the whole content, undefined when the sender did not know it (`*`). */
  size: number | undefined
}

/** Longer field values are not read at all; real ones have some 40 characters. */
const maxLength = 512

/**
 * What a `Range` field asks of a content of `size` bytes (RFC 9110 §14.1.1, §14.2).
 *
 * - `undefined`: answer with the whole content. There is no field, or one that a server may or must ignore:
 *   another unit, a malformed value, a value over 512 characters, or several ranges. Clients of registries never
 *   ask for several, and `multipart/byteranges` would be a way to make a small request cost a lot (§17.15).
 *   Also a suffix of an empty content, which a 206 cannot express.
 * - a range: answer 206 with it. It is never empty and ends within the content.
 * - `'unsatisfiable'`: answer 416 with {@link formatUnsatisfiedRange}.
 */
export function parseRangeHeader(
  value: string | undefined,
  size: number,
): ByteRange | 'unsatisfiable' | undefined {
  if (value === undefined || value.length > maxLength) return undefined
  const set = /^bytes=(.*)$/i.exec(value.trim())?.[1]
  // A list may hold empty elements, which count for nothing (RFC 9110 §5.6.1.2).
  const specs = set?.split(',').filter((spec) => spec.trim() !== '') ?? []
  const spec = specs.length === 1 ? /^[ \t]*(\d*)-(\d*)[ \t]*$/.exec(specs[0] ?? '') : null
  if (spec === null) return undefined
  const [, first = '', last = ''] = spec
  if (first === '') return last === '' ? undefined : suffixRange(BigInt(last), size)
  if (last !== '' && BigInt(last) < BigInt(first)) return undefined
  if (BigInt(first) >= BigInt(size)) return 'unsatisfiable'
  return {
    start: Number(first),
    end: last === '' || BigInt(last) >= BigInt(size) ? size : Number(last) + 1,
  }
}

function suffixRange(length: bigint, size: number): ByteRange | 'unsatisfiable' | undefined {
  if (length === 0n) return 'unsatisfiable'
  if (size === 0) return undefined
  return { start: length >= BigInt(size) ? 0 : size - Number(length), end: size }
}

/** `Content-Range` of a 206; `range` is half-open and not empty (RFC 9110 §14.4). */
export function formatContentRange(start: number, end: number, size: number | undefined): string {
  return `bytes ${start}-${end - 1}/${size ?? '*'}`
}

/** `Content-Range` of a 416. */
export function formatUnsatisfiedRange(size: number): string {
  return `bytes */${size}`
}

/**
 * Reads the `Content-Range` of a 206. Gives undefined for anything that is not one range of bytes within its
 * size, in numbers that JavaScript holds exactly: such an answer cannot be used.
 */
export function parseContentRange(value: string | undefined): ContentRange | undefined {
  if (value === undefined || value.length > maxLength) return undefined
  const match = /^bytes[ \t]+(\d+)-(\d+)\/(\d+|\*)$/i.exec(value.trim())
  if (match === null) return undefined
  const start = Number(match[1])
  const end = Number(match[2]) + 1
  const size = match[3] === '*' ? undefined : Number(match[3])
  if (start >= end || !Number.isSafeInteger(end)) return undefined
  if (size !== undefined && (!Number.isSafeInteger(size) || end > size)) return undefined
  return { start, end, size }
}
