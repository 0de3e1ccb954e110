import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { DigestSchema, GeometrySchema, type PieceIndex, pieceCount, TaskIdSchema } from '@df/proto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { ContentMeta, PieceRecord } from './content-store.ts'

const CRC_BYTES = 4
const SHA256_BYTES = 32
/** Far above what a file system holds in one file with sensible pieces; bounds the memory of a bitfield (2 MiB). */
const MAX_PIECES = 2 ** 24

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
const ContentRecordSchema = Type.Object({
  task: TaskIdSchema,
  identity: IdentitySchema,
  url: Type.String(),
  geometry: GeometrySchema,
  generation: Type.String(),
  /** Drawn at each creation; part of the piece keys, so that pieces of an earlier content are never taken for its own. */
  birth: Type.String({ pattern: '^[0-9a-f]{8}$' }),
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
    birth: randomBytes(4).toString('hex'),
    createdAtMs: nowMs,
    lastUsedAtMs: nowMs,
    verified: false,
    suspect: false,
    linkedOutMtimeNs: null,
  }
}

/** False for a content that could not be read back: a wrong geometry, far too many pieces. */
export function isKeepable(value: unknown): value is ContentRecord {
  return contentRecord.Check(value) && pieceCount(value.geometry) <= MAX_PIECES
}

/** Whose piece it is. */
export type PieceOwner = Pick<ContentRecord, 'task' | 'birth'>

export function pieceKey({ task, birth }: PieceOwner, index: PieceIndex): string {
  return `${task}:${birth}:${index.toString(16).padStart(8, '0')}`
}

/** The keys of all pieces of a content lie between these two. */
export function pieceKeyRange({ task, birth }: PieceOwner): { gt: string; lt: string } {
  return { gt: `${task}:${birth}:`, lt: `${task}:${birth};` }
}

/** What a piece key says, or undefined. */
export function parsePieceKey(
  key: string,
): { task: string; birth: string; index: PieceIndex } | undefined {
  const match = /^([0-9a-f]{64}):([0-9a-f]{8}):([0-9a-f]{8})$/.exec(key)
  if (match === null) return undefined
  const [, task = '', birth = '', index = ''] = match
  return { task, birth, index: Number.parseInt(index, 16) }
}

/** 32 bytes sha256, then the proof when there is one. */
export function encodePieceRecord(key: string, record: PieceRecord): Buffer {
  return seal(key, Buffer.concat([record.sha256, record.proof ?? new Uint8Array()]))
}

/** Undefined when the record is torn or corrupt. */
export function decodePieceRecord(key: string, value: Buffer): PieceRecord | undefined {
  const body = unseal(key, value)
  if (body === undefined || body.length < SHA256_BYTES) return undefined
  const sha256 = body.subarray(0, SHA256_BYTES)
  const proof = body.subarray(SHA256_BYTES)
  return proof.length === 0 ? { sha256 } : { sha256, proof }
}

export function encodeContentRecord(record: ContentRecord): Buffer {
  return seal(record.task, Buffer.from(JSON.stringify(record)))
}

/** Undefined when the record is torn or corrupt, or not one that this version can keep. */
export function decodeContentRecord(key: string, value: Buffer): ContentRecord | undefined {
  const body = unseal(key, value)
  if (body === undefined) return undefined
  const record = parseJson(body.toString())
  return isKeepable(record) && record.task === key ? record : undefined
}

/** Puts the CRC-32 of key and body in front, so that a damaged or misplaced value is noticed. */
function seal(key: string, body: Buffer): Buffer {
  const sealed = Buffer.alloc(CRC_BYTES + body.length)
  sealed.writeUInt32BE(crc32(body, crc32(key)))
  body.copy(sealed, CRC_BYTES)
  return sealed
}

function unseal(key: string, sealed: Buffer): Buffer | undefined {
  if (sealed.length < CRC_BYTES) return undefined
  const body = sealed.subarray(CRC_BYTES)
  return sealed.readUInt32BE() === crc32(body, crc32(key)) ? body : undefined
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
