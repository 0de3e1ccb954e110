import { crc32 } from 'node:zlib'
import {
  DigestSchema,
  GeometrySchema,
  type PieceIndex,
  pieceCount,
  type TaskId,
  TaskIdSchema,
} from '@df/proto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ContentMeta, PieceRecord } from './content-store.ts'

const CRC_BYTES = 4
const SHA256_BYTES = 32
/** Far above what a file system holds in one file with sensible pieces; bounds the memory of a bitfield (2 MiB). */
export const MAX_PIECES = 2 ** 24

const IdentitySchema = Type.Union([
  Type.Object({ kind: Type.Literal('blob'), digest: DigestSchema }),
  Type.Object({
    kind: Type.Literal('url'),
    canonicalUrl: Type.String(),
    digest: Type.Optional(DigestSchema),
    tag: Type.Optional(Type.String()),
    application: Type.Optional(Type.String()),
  }),
])

/** What is recorded of a content: the meta of the port and what the store itself keeps of it. */
export const ContentRecordSchema = Type.Object({
  task: TaskIdSchema,
  identity: IdentitySchema,
  url: Type.String(),
  geometry: GeometrySchema,
  generation: Type.String(),
  createdAtMs: Type.Number(),
  lastUsedAtMs: Type.Number(),
  verified: Type.Boolean(),
  /** Recorded pieces are to be hashed before they are trusted. */
  suspect: Type.Boolean(),
  /** When the file has a name outside the store: its time of change then (ns), to notice foreign writes. */
  linkedOutMtimeNs: Type.Union([Type.Null(), Type.String({ pattern: '^[0-9]+$' })]),
})
export type ContentRecord = Static<typeof ContentRecordSchema>

const contentRecord = Compile(ContentRecordSchema)

/** The record of a content that is created now. */
export function newContentRecord(meta: ContentMeta, nowMs: number): ContentRecord {
  const { task, identity, url, geometry, generation } = meta
  return {
    task,
    identity,
    url,
    geometry,
    generation,
    createdAtMs: nowMs,
    lastUsedAtMs: nowMs,
    verified: false,
    suspect: false,
    linkedOutMtimeNs: null,
  }
}

export function pieceKey(task: TaskId, index: PieceIndex): string {
  return `${task}:${index.toString(16).padStart(8, '0')}`
}

/** Task and index of a piece key, or undefined. */
export function parsePieceKey(key: string): { task: string; index: PieceIndex } | undefined {
  const match = /^([0-9a-f]{64}):([0-9a-f]{8})$/.exec(key)
  if (match === null) return undefined
  const [, task = '', index = ''] = match
  return { task, index: Number.parseInt(index, 16) }
}

/** What a piece record is bound to: under another content of the same task it counts as corrupt. */
export type PieceOwner = Pick<ContentMeta, 'generation' | 'geometry'>

/** 32 bytes sha256, then the proof when there is one. */
export function encodePieceRecord(owner: PieceOwner, key: string, record: PieceRecord): Buffer {
  const body = Buffer.concat([record.sha256, record.proof ?? new Uint8Array()])
  return seal(boundTo(owner, key), body)
}

/** Undefined when the record is torn, corrupt, or of another content. */
export function decodePieceRecord(
  owner: PieceOwner,
  key: string,
  value: Buffer,
): PieceRecord | undefined {
  const body = unseal(boundTo(owner, key), value)
  if (body === undefined || body.length < SHA256_BYTES) return undefined
  const sha256 = body.subarray(0, SHA256_BYTES)
  const proof = body.subarray(SHA256_BYTES)
  return proof.length === 0 ? { sha256 } : { sha256, proof }
}

function boundTo({ generation, geometry }: PieceOwner, key: string): string {
  return `${key} ${geometry.contentLength} ${geometry.pieceSize} ${geometry.stripes} ${generation}`
}

export function encodeContentRecord(record: ContentRecord): Buffer {
  return seal(record.task, Buffer.from(JSON.stringify(record)))
}

/** Undefined when the record is torn or corrupt, or not one that this version can keep. */
export function decodeContentRecord(key: string, value: Buffer): ContentRecord | undefined {
  const body = unseal(key, value)
  if (body === undefined) return undefined
  const record = parseJson(body.toString())
  if (!contentRecord.Check(record) || record.task !== key) return undefined
  return pieceCount(record.geometry) <= MAX_PIECES ? record : undefined
}

/** Puts the CRC-32 of `place` and body in front, so that a damaged or misplaced value is noticed. */
function seal(place: string, body: Buffer): Buffer {
  const sealed = Buffer.alloc(CRC_BYTES + body.length)
  sealed.writeUInt32BE(crc32(body, crc32(place)))
  body.copy(sealed, CRC_BYTES)
  return sealed
}

function unseal(place: string, sealed: Buffer): Buffer | undefined {
  if (sealed.length < CRC_BYTES) return undefined
  const body = sealed.subarray(CRC_BYTES)
  return sealed.readUInt32BE() === crc32(body, crc32(place)) ? body : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
