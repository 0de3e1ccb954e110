/**
 * When a task turns to its origin itself, and when it gives up. Pure: facts in, decision out. The constants
 * are listed in ARCHITECTURE.md ("Timing constants").
 */
export interface RescueFacts {
  nowMs: number
  startedAtMs: number
  /** Last moment a byte came from anywhere, or the seed told of progress. */
  lastActivityMs: number
  lengthKnown: boolean
  /** `joined`: a SuperNode is working on it · `away`: none is reachable, it failed, or none was wanted */
  swarm: 'joined' | 'away'
  /** The SuperNode said that it cannot help. */
  hasSwarmFailed: boolean
  /** Whoever reads waits for the swarm alone. */
  arePatient: boolean
  origin: 'idle' | 'reading' | 'failed'
  /** When a reader began to wait for the piece it waits for now. */
  readerWaitingSinceMs: number | undefined
  /** Bytes received in the last four seconds, when the task is at least that old. */
  recentBps: number | undefined
}

export type RescueDecision = 'wait' | 'read-origin' | 'give-up'

const ORIGIN_AFTER_MS = 3000
const ORIGIN_AFTER_LENGTH_UNKNOWN_MS = 5500
const GIVE_UP_AFTER_MS = 9500
const SLOW_SWARM_BPS = 128 * 1024
/** A SuperNode is restarted, or a registry mended, in less. */
const PATIENCE_MS = 5 * 60_000

export function decideRescue(facts: RescueFacts): RescueDecision {
  const idleMs = facts.nowMs - facts.lastActivityMs
  if (facts.arePatient) {
    return facts.hasSwarmFailed || idleMs > PATIENCE_MS ? 'give-up' : 'wait'
  }
  if (idleMs > GIVE_UP_AFTER_MS) return 'give-up'
  if (facts.origin === 'failed' && facts.swarm === 'away') return 'give-up'
  if (facts.origin !== 'idle') return 'wait'
  if (facts.swarm === 'away') return 'read-origin'
  if (!facts.lengthKnown) {
    return facts.nowMs - facts.startedAtMs > ORIGIN_AFTER_LENGTH_UNKNOWN_MS ? 'read-origin' : 'wait'
  }
  if (idleMs > ORIGIN_AFTER_MS) return 'read-origin'
  const { readerWaitingSinceMs: since, recentBps } = facts
  if (since === undefined) return 'wait'
  if (facts.nowMs - since > ORIGIN_AFTER_MS) return 'read-origin'
  return recentBps !== undefined && recentBps < SLOW_SWARM_BPS ? 'read-origin' : 'wait'
}
