import { generationOf } from '@df/codec'
import { announcedLength, fieldValue, type HeaderFields, type RegistryAnswer } from '@df/oci'

/** What an answer must be to come from the swarm in its origin's place. */
export interface Shareable {
  sizeBytes: number
  /** See codec `generationOf`. */
  generation: string
  etag: string | undefined
  takesRanges: boolean
}

/** Smaller contents cost more to arrange than to read. */
const MIN_BYTES = 64 * 1024

/**
 * Whether the content that an answer announces is the same for everybody who may have it, of known length and state, and
 * nothing that the origin wants to be asked for itself each time. Undefined when it is not.
 */
export function shareableOf(
  answer: Pick<RegistryAnswer, 'status' | 'headers' | 'redirected'>,
): Shareable | undefined {
  const { status, headers, redirected } = answer
  const sizeBytes = announcedLength(answer)
  const etag = fieldValue(headers, 'etag')
  const lastModified = fieldValue(headers, 'last-modified')
  if (status !== 200 || redirected || sizeBytes === undefined || sizeBytes < MIN_BYTES)
    return undefined
  if (etag === undefined && lastModified === undefined) return undefined
  if (headers['content-encoding'] !== undefined || headers['set-cookie'] !== undefined)
    return undefined
  if (words(headers, 'cache-control').some((word) => /^(no-store|private)\b/.test(word)))
    return undefined
  if (words(headers, 'vary').some((word) => !harmlessVary.has(word))) return undefined
  return {
    sizeBytes,
    generation: generationOf({
      contentLength: sizeBytes,
      ...(etag === undefined ? {} : { etag }),
      ...(lastModified === undefined ? {} : { lastModified }),
    }),
    etag,
    takesRanges: words(headers, 'accept-ranges').includes('bytes'),
  }
}

/** The swarm asks for no coding, and nobody's pages decide what is in a file. */
const harmlessVary = new Set(['accept-encoding', 'origin'])

function words(headers: HeaderFields, name: string): string[] {
  return [headers[name] ?? []]
    .flat()
    .flatMap((value) => value.split(','))
    .map((word) => word.trim().toLowerCase())
}
