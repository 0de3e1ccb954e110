import type { IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { mediaTypes, parseRegistryPath, type RegistryPath } from '@df/oci'
import { type Digest, isDigest } from '@df/proto'
import type { BlobSource } from './blob-source.ts'
import {
  type Answer,
  type FaultServer,
  type FaultServerOptions,
  startFaultServer,
} from './fault-server.ts'
import type { FaultRule } from './faults.ts'
import { rangedAnswer } from './ranged-answer.ts'
import { jsonAnswer, type RegistryAuth, RegistryGate, refusal } from './registry-auth.ts'
import { RegistryContent, type StoredManifest } from './registry-content.ts'

export interface RegistryOptions extends FaultServerOptions {
  /** Absent: anybody may pull and push. */
  auth?: RegistryAuth
}

export interface TestRegistry extends FaultServer {
  readonly content: RegistryContent
  /** Bytes of blobs sent so far: of one, or of all. */
  blobBytesSent(digest?: Digest): number
}

const version = { 'docker-distribution-api-version': 'registry/2.0' }

/**
 * An OCI registry in this process, for tests: pull part of the distribution API and monolithic uploads, with
 * access rights, fault rules and a log of what was asked. Blobs may be of any size, made while they are read.
 */
export async function startRegistry(options: RegistryOptions = {}): Promise<TestRegistry> {
  const content = new RegistryContent()
  const gate = options.auth && new RegistryGate(options.auth)
  const scheme = options.tls === undefined ? 'http' : 'https'
  const server = await startFaultServer(async (request, fault) => {
    const answer = await answerTo(request, fault)
    return request.method === 'HEAD' ? { ...answer, body: [] } : answer
  }, options)

  async function answerTo(request: IncomingMessage, fault: FaultRule): Promise<Answer> {
    const { method = '', url = '' } = request
    if (gate && url.split('?')[0] === '/token') return await gate.giveToken(request)
    const path = parseRegistryPath(url)
    if (path === undefined) return refusal(404, 'NAME_UNKNOWN', {})
    const isPull = method === 'GET' || method === 'HEAD'
    const repository = 'repository' in path ? path.repository : undefined
    const ownUrl = `${scheme}://${request.headers.host}`
    const refused = gate?.refuse(request, ownUrl, isPull ? 'pull' : 'push', repository)
    if (refused !== undefined) return refused
    return isPull ? pull(path, request, fault, content) : await push(path, request, content)
  }

  return {
    ...server,
    content,
    blobBytesSent: (digest) => server.log.sentBytes(new RegExp(`/blobs/${digest ?? ''}`)),
    async stop() {
      await server.stop()
      await content.dispose()
    },
  }
}

function pull(
  path: RegistryPath,
  request: IncomingMessage,
  fault: FaultRule,
  content: RegistryContent,
): Answer {
  const query = new URL(request.url ?? '', 'http://localhost').searchParams
  switch (path.kind) {
    case 'base':
      return jsonAnswer(200, {}, version)
    case 'catalog':
      return jsonAnswer(200, { repositories: content.repositories() }, version)
    case 'tags':
      return tagsAnswer(path.repository, query, content)
    case 'manifest':
      return manifestAnswer(content.manifest(path.repository, path.reference), request)
    case 'referrers':
      return referrersAnswer(content.manifests(path.repository), path.digest, query)
    case 'blob':
      return blobAnswer(content.blob(path.repository, path.digest), path.digest, request, fault)
    case 'uploads':
      return refusal(404, 'BLOB_UPLOAD_UNKNOWN', {})
  }
}

function manifestAnswer(manifest: StoredManifest | undefined, request: IncomingMessage): Answer {
  if (manifest === undefined) return refusal(404, 'MANIFEST_UNKNOWN', version)
  const { bytes, digest, mediaType } = manifest
  const headers = { ...version, 'docker-content-digest': digest, etag: `"${digest}"` }
  if (request.headers['if-none-match'] === headers.etag) return { status: 304, headers }
  return {
    status: 200,
    headers: { ...headers, 'content-type': mediaType, 'content-length': bytes.byteLength },
    body: [bytes],
  }
}

function blobAnswer(
  source: BlobSource | undefined,
  digest: Digest,
  request: IncomingMessage,
  fault: FaultRule,
): Answer {
  if (source === undefined) return refusal(404, 'BLOB_UNKNOWN', version)
  return rangedAnswer(source, request, fault, {
    ...version,
    'content-type': 'application/octet-stream',
    'docker-content-digest': digest,
    etag: `"${digest}"`,
  })
}

function tagsAnswer(repository: string, query: URLSearchParams, content: RegistryContent): Answer {
  const all = content.tags(repository)
  if (all === undefined) return refusal(404, 'NAME_UNKNOWN', version)
  const last = query.get('last') ?? ''
  const after = all.filter((tag) => tag > last)
  const tags = query.has('n') ? after.slice(0, Number(query.get('n'))) : after
  const next = `</v2/${repository}/tags/list?n=${tags.length}&last=${tags.at(-1)}>; rel="next"`
  const isCut = tags.length > 0 && tags.length < after.length
  return jsonAnswer(
    200,
    { name: repository, tags },
    { ...version, ...(isCut ? { link: next } : {}) },
  )
}

function referrersAnswer(
  manifests: readonly StoredManifest[],
  subject: Digest,
  query: URLSearchParams,
): Answer {
  const wanted = query.get('artifactType')
  const referrers = manifests.flatMap(({ bytes, digest, mediaType }) => {
    const manifest = JSON.parse(Buffer.from(bytes).toString()) as Referrer
    if (manifest.subject?.digest !== subject) return []
    if (wanted !== null && manifest.artifactType !== wanted) return []
    const { artifactType, annotations } = manifest
    return [{ mediaType, digest, size: bytes.byteLength, artifactType, annotations }]
  })
  const index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: referrers }
  return jsonAnswer(200, index, {
    'content-type': mediaTypes.ociIndex,
    ...(wanted === null ? {} : { 'oci-filters-applied': 'artifactType' }),
  })
}

interface Referrer {
  subject?: { digest?: string }
  artifactType?: string
  annotations?: Record<string, string>
}

async function push(
  path: RegistryPath,
  request: IncomingMessage,
  content: RegistryContent,
): Promise<Answer> {
  const { method, url = '' } = request
  if (path.kind === 'uploads' && method === 'POST')
    return { status: 202, headers: { location: `/v2/${path.repository}/blobs/uploads/one` } }
  if (path.kind === 'uploads' && method === 'PUT') {
    const digest = new URL(url, 'http://localhost').searchParams.get('digest') ?? ''
    const isRight =
      isDigest(digest) && (await content.receiveBlob(path.repository, digest, request))
    return isRight ? createdAnswer(digest) : refusal(400, 'DIGEST_INVALID', {})
  }
  if (path.kind === 'manifest' && method === 'PUT') {
    const { repository, reference } = path
    const mediaType = request.headers['content-type'] ?? mediaTypes.ociManifest
    const tag = isDigest(reference) ? {} : { tag: reference }
    return createdAnswer(
      content.addManifest(repository, await buffer(request), { mediaType, ...tag }),
    )
  }
  return refusal(405, 'UNSUPPORTED', {})
}

function createdAnswer(digest: string): Answer {
  return {
    status: 201,
    headers: { ...version, 'docker-content-digest': digest, 'content-length': 0 },
  }
}
