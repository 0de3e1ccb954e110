import type { BytesBySource, TaskEfficiency } from '@df/proto'

/** Where a download stands. */
export interface Progress {
  /** Bytes of the content that are here. */
  bytes: number
  /** Unknown while the origin does not tell. */
  contentLength: number | undefined
  /** Where the bytes that this run received came from; undefined when the host's dfdaemon keeps that to itself. */
  received: BytesBySource | undefined
  /** Bytes per second over the last seconds; 0 until known. */
  rateBps: number
  elapsedMs: number
}

/** How the content is fetched. */
export type Via = 'dfdaemon' | 'peer'

export interface StartInfo {
  /** Without query and user info. */
  url: string
  output: string
  via: Via
  contentLength: number | undefined
  /** Bytes that an earlier run left. */
  resumedBytes: number
}

export interface DoneInfo {
  output: string
  bytes: number
  resumedBytes: number
  elapsedMs: number
  received: BytesBySource | undefined
  /** How well the task went; undefined when the host's dfdaemon keeps that to itself, or began before. */
  efficiency: TaskEfficiency | undefined
}

/** Milliseconds to go at the present rate, when that can be told. */
export function remainingMs({ bytes, contentLength, rateBps }: Progress): number | undefined {
  if (contentLength === undefined || rateBps <= 0) return undefined
  return (Math.max(0, contentLength - bytes) / rateBps) * 1000
}
