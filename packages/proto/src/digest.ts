import { Type } from 'typebox'
import { AppError } from './app-error.ts'

declare const digestBrand: unique symbol

/** `sha256:<64 hex>` or `sha512:<128 hex>`, lower case (OCI image spec, descriptor.md "Digests"). */
export type Digest = string & { readonly [digestBrand]: true }
export type DigestAlgorithm = 'sha256' | 'sha512'

const pattern = '^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$'
const regExp = new RegExp(pattern)

export const DigestSchema = Type.Unsafe<Digest>(Type.String({ pattern }))

export function isDigest(text: string): text is Digest {
  return regExp.test(text)
}

/** @throws AppError DIGEST_INVALID */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text
  throw new AppError('DIGEST_INVALID', `'${text.slice(0, 150)}' is not a digest`, {
    hint: 'write it as sha256: and 64 lower-case hex digits',
  })
}

export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512'
}

export function digestHex(digest: Digest): string {
  return digest.slice(digest.indexOf(':') + 1)
}
