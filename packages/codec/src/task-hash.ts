import { createHash } from 'node:crypto'
import { type TaskId, type TaskIdentity, taskIdPreimage } from '@df/proto'

/** The task id of an identity: SHA-256 of its preimage (proto/task-id.ts). */
export function taskIdOf(identity: TaskIdentity): TaskId {
  return createHash('sha256').update(taskIdPreimage(identity)).digest('hex') as TaskId
}

/** What an origin says of the state of its content; all of it as sent. */
export interface Validators {
  etag?: string
  lastModified?: string
  contentLength?: number
}

/**
 * A short name for one state of an origin's content (24 hex digits), '' when the origin gives nothing to
 * tell states apart by. Weak and strong entity tags count alike (RFC 9110 §8.8.3).
 */
export function generationOf(validators: Validators): string {
  const { etag, lastModified, contentLength } = validators
  if (etag === undefined && lastModified === undefined && contentLength === undefined) return ''
  const state = etag === undefined ? `m:${lastModified ?? ''}` : `e:${etag.replace(/^W\//, '')}`
  return createHash('sha256')
    .update(`dragonfly.generation.v1\n${state}\n${contentLength ?? ''}`)
    .digest('hex')
    .slice(0, 24)
}

/** Whether two generations are surely of the same state: those of an origin that tells nothing never are. */
export function isSameState(one: string, other: string | undefined): boolean {
  return one !== '' && one === other
}
