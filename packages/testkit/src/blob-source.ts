import { createCipheriv, createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { type Digest, parseDigest } from '@df/proto'
import type { Body } from './fault-body.ts'

/** Content that can be read from anywhere, again and again, and need not be in memory. */
export interface BlobSource {
  readonly sizeBytes: number
  /** Bytes from `start` up to, not including, `end`. */
  read(start: number, end: number): Body
}

const chunkBytes = 256 * 1024

export function bytesSource(content: Uint8Array | string): BlobSource {
  const bytes = typeof content === 'string' ? Buffer.from(content) : content
  return { sizeBytes: bytes.length, read: (start, end) => [bytes.subarray(start, end)] }
}

export async function fileSource(path: string): Promise<BlobSource> {
  const { size } = await stat(path)
  return {
    sizeBytes: size,
    read: (start, end) =>
      start === end
        ? []
        : createReadStream(path, { start, end: end - 1, highWaterMark: chunkBytes }),
  }
}

/** Incompressible content made while it is read; the same for the same seed, whatever the size. */
export function generatedSource(seed: string, sizeBytes: number): BlobSource {
  return { sizeBytes, read: (start, end) => generate(seed, start, end) }
}

/** A key stream (AES in counter mode): any offset can be started from, at gigabytes per second. */
function* generate(seed: string, start: number, end: number): Generator<Buffer> {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16)
  const counter = Buffer.alloc(16)
  counter.writeBigUInt64BE(BigInt(Math.floor(start / 16)), 8)
  const cipher = createCipheriv('aes-128-ctr', key, counter)
  cipher.update(zeros.subarray(0, start % 16))
  for (let at = start; at < end; at += chunkBytes)
    yield cipher.update(zeros.subarray(0, Math.min(chunkBytes, end - at)))
}

const zeros = Buffer.alloc(chunkBytes)

export async function digestOf(source: BlobSource): Promise<Digest> {
  const hash = createHash('sha256')
  for await (const chunk of source.read(0, source.sizeBytes)) hash.update(chunk)
  return parseDigest(`sha256:${hash.digest('hex')}`)
}

export async function readAll(source: BlobSource): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of source.read(0, source.sizeBytes)) chunks.push(chunk)
  return Buffer.concat(chunks)
}
