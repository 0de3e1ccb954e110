import { createHash, randomBytes } from 'node:crypto'
import type { TaskIdentity } from '@df/proto'
import { blobOf } from './host.ts'

export const KiB = 1024
export const MiB = 1024 * KiB

export interface Sample {
  content: Buffer
  identity: TaskIdentity
}

/** Random content and the blob it is. */
export function blobSample(sizeBytes: number): Sample {
  const content = randomBytes(sizeBytes)
  const digest = `sha256:${createHash('sha256').update(content).digest('hex')}`
  return { content, identity: blobOf(digest) }
}

export function urlIdentity(url: string): TaskIdentity {
  return { kind: 'url', canonicalUrl: url }
}
