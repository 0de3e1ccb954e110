import {
  announcedLength,
  fieldValue,
  gateByDigest,
  manifestDigests,
  matchesDigest,
  type Pull,
  type RegistryAnswer,
  type RegistryClient,
  type Rights,
} from '@df/oci'
import { AppError, type Digest, isDigest } from '@df/proto'
import { decodeContent } from './content-coding.ts'

/** Registries hold manifests of 4 MiB at least and hardly more (OCI distribution spec, "Pushing manifests"). */
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024

export interface ForwarderOptions {
  registry: RegistryClient
  rights: Rights
}

/**
 * Everything but blobs: asked at the registry on each request with the caller's own fields, and its answer passed
 * on unchanged.
 * @throws AppError when nothing was sent yet, or when the connection must be cut
 */
export async function forward(pull: Pull, { registry, rights }: ForwarderOptions): Promise<void> {
  const { exchange, method, upstream, path, fields: headers } = pull
  const budgetMs = exchange.leftMs()
  const { signal } = exchange
  const answer = await registry.ask({ upstream, method, path, headers, budgetMs, signal })
  try {
    if (pull.what.kind === 'manifest' && method === 'GET' && answer.status === 200) {
      await sendManifest(pull, pull.what, answer, rights)
    } else {
      await exchange.send(answer)
    }
  } finally {
    answer.discard()
  }
}

/** A manifest is checked as a whole before any of it is passed on; what it names, the caller may ask for. */
async function sendManifest(
  { exchange, upstream }: Pull,
  { repository, reference }: { repository: string; reference: string },
  answer: RegistryAnswer,
  rights: Rights,
): Promise<void> {
  const digest = expectedDigest(reference, answer)
  const coding = fieldValue(answer.headers, 'content-encoding')
  const start = await readStart(answer.body, MAX_MANIFEST_BYTES)
  if (start.rest !== undefined) {
    if (digest !== undefined && coding !== undefined) throw wrongManifest(digest)
    const whole = join(start.bytes, start.rest)
    const length = announcedLength(answer)
    const body = digest === undefined ? whole : gateByDigest(whole, digest, length)
    return exchange.send({ ...answer, body })
  }
  const content = await decodeContent(start.bytes, coding, 4 * MAX_MANIFEST_BYTES)
  if (digest !== undefined && (content === undefined || !matchesDigest(content, digest))) {
    throw wrongManifest(digest)
  }
  if (content !== undefined) {
    const credential = rights.credentialOf(exchange.request.headers.authorization)
    const { blobs } = manifestDigests(content)
    rights.confirm({ credential, upstream: upstream.base, repository }, blobs)
  }
  await exchange.send({ ...answer, body: join(start.bytes) })
}

/** The digest that was asked for, or for a tag the one that the registry says. */
function expectedDigest(reference: string, answer: RegistryAnswer): Digest | undefined {
  if (isDigest(reference)) return reference
  const said = fieldValue(answer.headers, 'docker-content-digest')
  return said !== undefined && isDigest(said) ? said : undefined
}

function wrongManifest(digest: Digest): AppError {
  return new AppError('CONTENT_DIGEST_MISMATCH', `the registry's manifest is not ${digest}`)
}

/** Reads up to `maxBytes`; `rest` is what comes after, when there is more. */
async function readStart(
  body: AsyncIterable<Buffer>,
  maxBytes: number,
): Promise<{ bytes: Buffer; rest: AsyncIterable<Buffer> | undefined }> {
  const chunks = body[Symbol.asyncIterator]()
  const parts: Buffer[] = []
  let bytes = 0
  while (bytes <= maxBytes) {
    const { done, value } = await chunks.next()
    if (done === true) return { bytes: Buffer.concat(parts), rest: undefined }
    parts.push(value)
    bytes += value.length
  }
  return { bytes: Buffer.concat(parts), rest: { [Symbol.asyncIterator]: () => chunks } }
}

async function* join(
  start: Buffer,
  rest?: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer, void, undefined> {
  yield start
  if (rest !== undefined) yield* rest
}
