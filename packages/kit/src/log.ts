import { type DestinationStream, destination, type Logger, pino, stdTimeFunctions } from 'pino'
import { redactValue } from './redact.ts'

export type { Logger }

export interface LoggerOptions {
  program: string
  /** `trace`, `debug`, `info`, `warn`, `error`, `fatal` or `silent` */
  level: string
  /** Where lines go; stderr when absent. */
  stream?: DestinationStream
}

/**
 * JSON lines on stderr, written at once, without secrets (see redact.ts: each line is redacted as a whole,
 * so child bindings, errors and messages are covered too). A message is a constant sentence; data goes in fields.
 */
export function createLogger({ program, level, stream }: LoggerOptions): Logger {
  return pino(
    {
      level,
      base: { program },
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      depthLimit: 8,
      edgeLimit: 200,
      hooks: { streamWrite: redactLine },
    },
    stream ?? destination({ fd: 2, sync: true }),
  )
}

/** A logger that says nothing. */
export function silentLogger(): Logger {
  return pino({ level: 'silent' })
}

function redactLine(line: string): string {
  return `${JSON.stringify(redactValue(JSON.parse(line)))}\n`
}
