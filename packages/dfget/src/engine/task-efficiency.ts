import type { TaskEfficiency } from '@df/proto'
import type { TaskSnapshot } from './engine.ts'

/** What of a task is told to people and programs about how well it went. */
export function taskEfficiency(task: TaskSnapshot): TaskEfficiency {
  const { received, senders, floor, durationMs, firstByteMs } = task
  const named = senders.reduce((sum, { bytes }) => sum + bytes, 0)
  return {
    receivedFrom: [...senders],
    receivedFromOthers: Math.max(0, received.peers + received.seed - named),
    repeatedPieces: task.repeatedPieces,
    repairedPieces: task.repairedPieces,
    firstByteMs: firstByteMs === undefined ? null : Math.round(firstByteMs),
    durationMs: Math.round(durationMs),
    floorMs: floor === undefined ? null : round(floor.ms),
    floorBy: floor?.by ?? null,
    floorRatio: floor === undefined ? null : round(durationMs / floor.ms),
  }
}

/** To four places: what REST and JSON show of a ratio is read by people too. */
function round(value: number): number {
  return Math.round(value * 10_000) / 10_000
}
