import type { Digest } from './digest.ts'

/**
 * What a task is made of, as far as its identity goes. A blob is its digest alone, whatever registry or
 * repository it comes from. A URL task is the canonical URL (see url-canon.ts), the digest expected of it,
 * and two free words that keep tasks apart on purpose. Credentials are never part of it.
 */
export type TaskIdentity =
  | { kind: 'blob'; digest: Digest }
  | { kind: 'url'; canonicalUrl: string; digest?: Digest; tag?: string; application?: string }

const utf8 = new TextEncoder()

/**
 * The bytes whose SHA-256 is the task id: a domain word and every field, each with its length (u32, big
 * endian) in front, so that no two identities share a preimage.
 */
export function taskIdPreimage(identity: TaskIdentity): Uint8Array<ArrayBuffer> {
  const fields =
    identity.kind === 'blob'
      ? ['dragonfly.task.blob.v1', identity.digest]
      : [
          'dragonfly.task.url.v1',
          identity.canonicalUrl,
          identity.digest ?? '',
          identity.tag ?? '',
          identity.application ?? '',
        ]
  return lengthPrefixed(fields.map((field) => utf8.encode(field)))
}

/** Concatenates the parts, each with its length as a big-endian u32 in front. */
export function lengthPrefixed(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + 4 + part.length, 0))
  const view = new DataView(out.buffer)
  let at = 0
  for (const part of parts) {
    view.setUint32(at, part.length)
    out.set(part, at + 4)
    at += 4 + part.length
  }
  return out
}
