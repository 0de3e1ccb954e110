import { promisify } from 'node:util'
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib'

type Decoder = (body: Buffer, limits: { maxOutputLength: number }) => Promise<Buffer>

const decoders = new Map<string, Decoder>([
  ['br', promisify(brotliDecompress)],
  ['deflate', promisify(inflate)],
  ['gzip', promisify(gunzip)],
  ['x-gzip', promisify(gunzip)],
  ['zstd', promisify(zstdDecompress)],
])

/**
 * The content of a body that was sent with a `Content-Encoding` (RFC 9110 §8.4.1), for checking it. Undefined when
 * there are several codings or an unknown one, the body is broken, or the content is over `maxBytes`.
 */
export async function decodeContent(
  body: Buffer,
  coding: string | undefined,
  maxBytes: number,
): Promise<Buffer | undefined> {
  if (coding === undefined || coding.toLowerCase() === 'identity') return body
  const decode = decoders.get(coding.toLowerCase())
  return decode?.(body, { maxOutputLength: maxBytes }).catch(() => undefined)
}
