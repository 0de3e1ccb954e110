import { Type } from 'typebox'
import { AppError } from './app-error.ts'

/**
 * Text form of a set of piece indexes: `<count>:all`, `<count>:none`, or `<count>:<base64url>` of
 * ⌈count/8⌉ bytes, bit 7 of byte 0 being piece 0 (BitTorrent BEP 3 order), spare bits zero.
 */
export const BitfieldTextSchema = Type.String({
  pattern: '^[0-9]{1,8}:(all|none|[A-Za-z0-9_-]+)$',
  maxLength: 3_000_000,
})

const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'

/** `bits` holds ⌈count/8⌉ bytes. */
export function formatBitfieldText(bits: Uint8Array, count: number): string {
  let set = 0
  for (const byte of bits) set += popCount(byte)
  if (set === count) return `${count}:all`
  if (set === 0) return `${count}:none`
  return `${count}:${toBase64Url(bits)}`
}

/**
 * @throws AppError REQUEST_INVALID when the text is malformed, names another count than `count`, or sets spare bits
 */
export function parseBitfieldText(text: string, count: number): Uint8Array<ArrayBuffer> {
  const colon = text.indexOf(':')
  const body = text.slice(colon + 1)
  const bits = new Uint8Array(Math.ceil(count / 8))
  if (colon < 1 || text.slice(0, colon) !== String(count))
    throw malformed(`expected ${count} pieces`)
  if (body === 'none') return bits
  if (body === 'all') {
    bits.fill(0xff)
    if (count % 8 !== 0) bits[bits.length - 1] = (0xff << (8 - (count % 8))) & 0xff
    return bits
  }
  fromBase64Url(body, bits)
  const last = bits[bits.length - 1] ?? 0
  if (count % 8 !== 0 && (last & (0xff >> (count % 8))) !== 0) throw malformed('spare bits are set')
  return bits
}

function toBase64Url(bytes: Uint8Array): string {
  let out = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const left = bytes.length - at
    const group = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    const digits = left >= 3 ? 4 : left + 1
    for (let i = 0; i < digits; i++) out += alphabet[(group >> (18 - 6 * i)) & 63]
  }
  return out
}

function fromBase64Url(text: string, into: Uint8Array): void {
  if (text.length !== Math.ceil((into.length * 4) / 3)) throw malformed('wrong length')
  let group = 0
  let held = 0
  let at = 0
  for (const char of text) {
    const value = alphabet.indexOf(char)
    if (value < 0) throw malformed(`unexpected character '${char}'`)
    group = (group << 6) | value
    held += 6
    if (held >= 8) {
      held -= 8
      into[at++] = (group >> held) & 0xff
      group &= (1 << held) - 1
    }
  }
  if (group !== 0) throw malformed('trailing bits are set')
}

function popCount(byte: number): number {
  let count = 0
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++
  return count
}

function malformed(why: string): AppError {
  return new AppError('REQUEST_INVALID', `malformed bitfield: ${why}`)
}
