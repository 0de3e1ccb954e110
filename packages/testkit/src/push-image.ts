import { parseReference } from '@df/oci'
import type { Digest } from '@df/proto'
import type { Image, ImageBlob } from './image.ts'

export interface PushOptions {
  /** Sent as Basic; a registry with tokens is filled in its own process instead. */
  login?: { user: string; password: string }
}

/**
 * Pushes an image with all it names to a real registry, as `reference` (such as `bench/tiny:1`; a registry in it
 * is ignored). Blobs that are there already are not sent again. Gives the digest of the manifest.
 */
export async function pushImage(
  registryUrl: string,
  reference: string,
  image: Image,
  { login }: PushOptions = {},
): Promise<Digest> {
  const { repository, tag } = parseReference(reference)
  const credentials = login && Buffer.from(`${login.user}:${login.password}`).toString('base64')
  const target: Target = {
    base: new URL(`/v2/${repository}/`, registryUrl),
    headers: credentials === undefined ? {} : { authorization: `Basic ${credentials}` },
  }
  await pushManifest(target, image, tag ?? image.digest)
  return image.digest
}

interface Target {
  base: URL
  headers: Record<string, string>
}

async function pushManifest(target: Target, image: Image, reference: string): Promise<void> {
  for (const child of image.children) await pushManifest(target, child, child.digest)
  for (const blob of image.blobs) await pushBlob(target, blob)
  await call(target, 'PUT', new URL(`manifests/${reference}`, target.base), {
    body: image.manifest,
    contentType: image.mediaType,
  })
}

async function pushBlob(target: Target, { digest, source }: ImageBlob): Promise<void> {
  if (await exists(target, digest)) return
  const started = await call(target, 'POST', new URL('blobs/uploads/', target.base))
  const place = new URL(started.headers.get('location') ?? '', target.base)
  place.searchParams.set('digest', digest)
  await call(target, 'PUT', place, {
    body: ReadableStream.from(source.read(0, source.sizeBytes)),
    contentType: 'application/octet-stream',
    lengthBytes: source.sizeBytes,
  })
}

async function exists(target: Target, digest: Digest): Promise<boolean> {
  const url = new URL(`blobs/${digest}`, target.base)
  return (await fetch(url, { method: 'HEAD', headers: target.headers })).ok
}

interface Content {
  body: Uint8Array | ReadableStream<Uint8Array>
  contentType: string
  lengthBytes?: number
}

async function call(
  target: Target,
  method: string,
  url: URL,
  content?: Content,
): Promise<Response> {
  const headers = new Headers(target.headers)
  if (content !== undefined) headers.set('content-type', content.contentType)
  if (content?.lengthBytes !== undefined) headers.set('content-length', String(content.lengthBytes))
  const response = await fetch(url, {
    method,
    headers,
    ...(content === undefined
      ? {}
      : { body: content.body as NonNullable<RequestInit['body']>, duplex: 'half' as const }),
  })
  const answer = await response.text()
  if (!response.ok) throw new Error(`${method} ${url.pathname}: ${response.status} ${answer}`)
  return response
}
