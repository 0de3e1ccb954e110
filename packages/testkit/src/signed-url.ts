import { createHmac } from 'node:crypto'
import { querySignature } from '@df/proto'

export interface SignOptions {
  key: string
  /** Default GET. */
  method?: string
  /** Default 300. */
  expiresInS?: number
  /** Default: now. */
  signedAtMs?: number
}

/**
 * The URL with a right to read it, in the query that S3 uses for it (AWS Signature Version 4, with a simpler hash): for one
 * method, for a while.
 */
export function signUrl(url: string, options: SignOptions): string {
  const { key, method = 'GET', expiresInS = 300, signedAtMs = Date.now() } = options
  const date = new Date(signedAtMs).toISOString().replace(/[-:]|\.\d+/g, '')
  const { pathname } = new URL(url)
  const signature = sign(key, [method, pathname, date, `${expiresInS}`])
  return (
    `${url}?X-Amz-Algorithm=TEST&X-Amz-Credential=tester%2Fs3&X-Amz-Date=${date}` +
    `&X-Amz-Expires=${expiresInS}&X-Amz-SignedHeaders=host&X-Amz-Signature=${signature}`
  )
}

/** Why a request has no right, in the words of S3; undefined when it has one. */
export function signatureFault(
  key: string,
  { method, url }: { method: string; url: string },
): string | undefined {
  const { pathname, searchParams } = new URL(url, 'http://origin')
  const date = searchParams.get('X-Amz-Date') ?? ''
  const seconds = searchParams.get('X-Amz-Expires') ?? ''
  const expected = sign(key, [method, pathname, date, seconds])
  if (searchParams.get('X-Amz-Signature') !== expected) return 'SignatureDoesNotMatch'
  const endsAtMs = querySignature(searchParams.toString())?.endsAtMs ?? 0
  return Date.now() > endsAtMs ? 'Request has expired' : undefined
}

function sign(key: string, parts: readonly string[]): string {
  return createHmac('sha256', key).update(parts.join('\n')).digest('hex')
}
