import { createHash } from 'node:crypto'
import { mediaTypes } from '@df/oci'
import { type Digest, parseDigest } from '@df/proto'
import { type BlobSource, bytesSource, digestOf } from './blob-source.ts'
import type { Layer } from './layer.ts'

export interface ImageBlob {
  digest: Digest
  source: BlobSource
}

/** A manifest or an index with all it names: what a registry must hold so that it can be pulled. */
export interface Image {
  digest: Digest
  mediaType: string
  manifest: Uint8Array
  blobs: readonly ImageBlob[]
  /** The manifests of an index. */
  children: readonly Image[]
}

export interface ImageOptions {
  layers: readonly Layer[]
  /** Default `oci`; `docker` is image manifest version 2, schema 2, whose layers are gzip. */
  format?: 'oci' | 'docker'
  command?: readonly string[]
  env?: readonly string[]
  architecture?: string
  annotations?: Readonly<Record<string, string>>
}

interface Descriptor {
  mediaType: string
  digest: Digest
  size: number
}

const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const created = '1970-01-01T00:00:00Z'

/** An image that a container engine can run, if a layer holds what `command` names. */
export function makeImage(options: ImageOptions): Image {
  const { layers, format = 'oci', command = ['/bin/sh'], env = [], annotations } = options
  const config = jsonBlob({
    created,
    architecture: options.architecture ?? 'amd64',
    os: 'linux',
    config: { Cmd: command, Env: [path, ...env] },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    history: layers.map(({ name }) => ({ created, created_by: name })),
  })
  const isDocker = format === 'docker'
  const mediaType = isDocker ? mediaTypes.dockerManifest : mediaTypes.ociManifest
  const manifest = {
    schemaVersion: 2,
    mediaType,
    config: descriptor(isDocker ? mediaTypes.dockerConfig : mediaTypes.ociConfig, config),
    layers: layers.map((layer) => descriptor(layerType(layer, isDocker), layer)),
    ...(annotations === undefined ? {} : { annotations }),
  }
  return imageOf(mediaType, manifest, [config, ...layers], [])
}

function layerType({ compression, name }: Layer, isDocker: boolean): string {
  if (!isDocker)
    return {
      gzip: mediaTypes.ociLayerGzip,
      zstd: mediaTypes.ociLayerZstd,
      none: mediaTypes.ociLayer,
    }[compression]
  if (compression !== 'gzip') throw new Error(`${name}: docker's schema 2 has gzip layers only`)
  return mediaTypes.dockerLayer
}

export interface IndexEntry {
  image: Image
  architecture: string
  annotations?: Readonly<Record<string, string>>
}

export function makeIndex(entries: readonly IndexEntry[], format: 'oci' | 'docker' = 'oci'): Image {
  const mediaType = format === 'docker' ? mediaTypes.dockerList : mediaTypes.ociIndex
  const manifests = entries.map(({ image, architecture, annotations }) => ({
    mediaType: image.mediaType,
    digest: image.digest,
    size: image.manifest.byteLength,
    platform: { architecture, os: architecture === 'unknown' ? 'unknown' : 'linux' },
    ...(annotations === undefined ? {} : { annotations }),
  }))
  const children = entries.map(({ image }) => image)
  return imageOf(mediaType, { schemaVersion: 2, mediaType, manifests }, [], children)
}

/** An index of an image and a provenance attestation beside it, in the form that BuildKit writes. */
export function makeAttestedIndex(image: Image): Image {
  const statement = jsonBlob({
    _type: 'https://in-toto.io/Statement/v0.1',
    predicateType: 'https://slsa.dev/provenance/v0.2',
    subject: [{ name: 'image', digest: { sha256: image.digest.slice('sha256:'.length) } }],
    predicate: { buildType: 'test' },
  })
  const config = jsonBlob({
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: [statement.digest] },
  })
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: descriptor(mediaTypes.ociConfig, config),
    layers: [
      {
        ...descriptor('application/vnd.in-toto+json', statement),
        annotations: { 'in-toto.io/predicate-type': 'https://slsa.dev/provenance/v0.2' },
      },
    ],
  }
  const attestation = imageOf(mediaTypes.ociManifest, manifest, [config, statement], [])
  const annotations = {
    'vnd.docker.reference.digest': image.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  }
  return makeIndex([
    { image, architecture: 'amd64' },
    { image: attestation, architecture: 'unknown', annotations },
  ])
}

export interface ArtifactOptions {
  artifactType: string
  contents: readonly BlobSource[]
  /** What the artifact is about: then it is a referrer of it. */
  subject?: Image
}

/** An artifact with the empty config (OCI image spec, "Guidelines for Artifact Usage"). */
export async function makeArtifact(options: ArtifactOptions): Promise<Image> {
  const { artifactType, contents, subject } = options
  const empty = jsonBlob({})
  const blobs = await Promise.all(
    contents.map(async (source) => ({ digest: await digestOf(source), source })),
  )
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    artifactType,
    config: descriptor(mediaTypes.ociEmpty, empty),
    layers: blobs.map((blob) => descriptor('application/octet-stream', blob)),
    ...(subject === undefined
      ? {}
      : {
          subject: {
            mediaType: subject.mediaType,
            digest: subject.digest,
            size: subject.manifest.byteLength,
          },
        }),
  }
  return imageOf(mediaTypes.ociManifest, manifest, [empty, ...blobs], [])
}

function imageOf(
  mediaType: string,
  manifest: object,
  blobs: readonly ImageBlob[],
  children: readonly Image[],
): Image {
  const bytes = Buffer.from(JSON.stringify(manifest))
  return { digest: sha256(bytes), mediaType, manifest: bytes, blobs, children }
}

function jsonBlob(value: unknown): ImageBlob {
  const bytes = Buffer.from(JSON.stringify(value))
  return { digest: sha256(bytes), source: bytesSource(bytes) }
}

function descriptor(mediaType: string, { digest, source }: ImageBlob): Descriptor {
  return { mediaType, digest, size: source.sizeBytes }
}

export function sha256(bytes: Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
}
