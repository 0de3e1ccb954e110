import { createHash } from 'node:crypto'
import { AppError, type Digest, digestAlgorithm, digestHex } from '@df/proto'

/** At most this much is kept back of a content whose length is known. */
const KEPT_BACK_BYTES = 64 * 1024

/**
 * Passes a whole content on, and its last bytes only after all of it matched the digest: a reader that gets the
 * end has the right content. Without a length, always one chunk is kept back.
 * @throws AppError CONTENT_DIGEST_MISMATCH in place of the last bytes; ORIGIN_FAILED when the content is longer
 *   or shorter than `length`
 */
export async function* gateByDigest(
  chunks: AsyncIterable<Buffer>,
  digest: Digest,
  length?: number,
): AsyncGenerator<Buffer, void, undefined> {
  const hash = createHash(digestAlgorithm(digest))
  let received = 0
  let kept: Buffer | undefined
  for await (const chunk of chunks) {
    if (chunk.length === 0) continue
    hash.update(chunk)
    received += chunk.length
    if (length === undefined) {
      if (kept !== undefined) yield kept
      kept = chunk
    } else if (received > length) {
      throw new AppError('ORIGIN_FAILED', 'the content is longer than announced')
    } else if (received < length) {
      yield chunk
    } else {
      const at = Math.max(0, chunk.length - KEPT_BACK_BYTES)
      if (at > 0) yield chunk.subarray(0, at)
      kept = chunk.subarray(at)
    }
  }
  if (length !== undefined && received < length) {
    throw new AppError('ORIGIN_FAILED', 'the content ended early')
  }
  if (hash.digest('hex') !== digestHex(digest)) {
    throw new AppError('CONTENT_DIGEST_MISMATCH', `the content is not ${digest}`)
  }
  if (kept !== undefined) yield kept
}

/** Whether `bytes` have the digest. */
export function matchesDigest(bytes: Uint8Array, digest: Digest): boolean {
  return createHash(digestAlgorithm(digest)).update(bytes).digest('hex') === digestHex(digest)
}
