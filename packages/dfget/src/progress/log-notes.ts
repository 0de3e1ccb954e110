import { createLogger, type Logger } from '@df/kit'

interface LogLine {
  msg: string
  supernode?: string
  err?: { message?: string }
}

/** A logger for the parts of a peer whose warnings are told to whoever runs the command, as a line each. */
export function createNoteLogger(note: (text: string) => void): Logger {
  return createLogger({
    program: 'dfget',
    level: 'warn',
    stream: {
      write(text) {
        const { msg, supernode, err } = JSON.parse(text) as LogLine
        const where = supernode === undefined ? '' : ` (${supernode})`
        const why = err?.message === undefined ? '' : `: ${err.message}`
        note(`dfget: ${msg}${where}${why}`)
      },
    },
  })
}
