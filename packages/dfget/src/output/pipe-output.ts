import { constants, open } from 'node:fs'
import { Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import type { StreamOutput } from './output.ts'
import { errnoOf, outputError } from './output-error.ts'

/** How often a fifo is asked whether somebody reads it now. */
const READER_POLL_MS = 50

export interface PipeOutputOptions {
  name: string
  /** A fifo, or /dev/fd/N of a pipe: opened anew, so that the descriptor others share keeps its blocking mode. */
  path: string
  /** Whether a reader may still come, as at a fifo; without one the pipe counts as closed. */
  waitForReader: boolean
  signal: AbortSignal
}

/** A pipe, written without blocking: signals and the time limit are heeded while its reader takes its time. */
export function createPipeOutput(options: PipeOutputOptions): StreamOutput {
  const { name, signal } = options
  let opened: Promise<Socket> | undefined
  const withSocket = async (action: (socket: Socket) => Promise<void>) => {
    opened ??= openPipe(options)
    try {
      await action(await opened)
    } catch (error) {
      signal.throwIfAborted()
      throw outputError(error, { name })
    }
  }
  return {
    kind: 'stream',
    name,
    write: (chunk) => withSocket((socket) => writeTo(socket, chunk, signal)),
    commit: () => withSocket((socket) => end(socket, signal)),
    async discard() {
      await opened?.then((socket) => socket.destroy()).catch(() => {})
    },
  }
}

async function openPipe(options: PipeOutputOptions): Promise<Socket> {
  const { path, waitForReader, signal } = options
  for (;;) {
    try {
      const socket = new Socket({ fd: await openForWriting(path), readable: false, writable: true })
      // Each failure is also given to the write or end that it belongs to.
      return socket.on('error', () => {})
    } catch (error) {
      if (errnoOf(error) !== 'ENXIO') throw error
      if (!waitForReader) throw Object.assign(new Error('no reader'), { code: 'EPIPE' })
      await delay(READER_POLL_MS, undefined, { signal })
    }
  }
}

function openForWriting(path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    open(path, constants.O_WRONLY | constants.O_NONBLOCK, (error, fd) => {
      if (error === null) resolve(fd)
      else reject(error)
    })
  })
}

function writeTo(socket: Socket, chunk: Uint8Array, signal: AbortSignal): Promise<void> {
  return settle(signal, (done) => socket.write(chunk, done))
}

function end(socket: Socket, signal: AbortSignal): Promise<void> {
  return settle(signal, (done) => socket.once('close', () => done()).end())
}

function settle(
  signal: AbortSignal,
  action: (done: (error?: Error | null) => void) => void,
): Promise<void> {
  signal.throwIfAborted()
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
    action((error) => {
      signal.removeEventListener('abort', onAbort)
      if (error === null || error === undefined) resolve()
      else reject(error)
    })
  })
}
