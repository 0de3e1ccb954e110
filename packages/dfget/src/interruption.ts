import { constants } from 'node:os'

export type StopSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** The user, or the system, wants the command to end. */
export class Interruption extends Error {
  /** 128 and the signal's number, as shells have it. */
  readonly exitCode: number

  constructor(signal: StopSignal) {
    super(`ended by ${signal}`)
    this.name = 'Interruption'
    this.exitCode = 128 + constants.signals[signal]
  }
}
