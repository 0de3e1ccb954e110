import { Type } from 'typebox'

declare const taskIdBrand: unique symbol
declare const hostIdBrand: unique symbol

/** 64 lower-case hex digits: the hash of what is distributed (see task-id.ts). Never named by a caller. */
export type TaskId = string & { readonly [taskIdBrand]: true }
/** 32 lower-case hex digits, drawn once by a host and kept in its data directory. */
export type HostId = string & { readonly [hostIdBrand]: true }
/** Index of a piece within its task, from 0. */
export type PieceIndex = number
/** Index of a stripe: the pieces whose index mod `stripes` is this. */
export type StripeIndex = number

const taskIdPattern = '^[0-9a-f]{64}$'
const hostIdPattern = '^[0-9a-f]{32}$'
const taskIdRegExp = new RegExp(taskIdPattern)
const hostIdRegExp = new RegExp(hostIdPattern)

export const TaskIdSchema = Type.Unsafe<TaskId>(Type.String({ pattern: taskIdPattern }))
export const HostIdSchema = Type.Unsafe<HostId>(Type.String({ pattern: hostIdPattern }))

export function isTaskId(text: string): text is TaskId {
  return taskIdRegExp.test(text)
}

export function isHostId(text: string): text is HostId {
  return hostIdRegExp.test(text)
}
