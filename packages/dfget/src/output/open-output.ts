import { constants, fstat, type Stats } from 'node:fs'
import { access, open } from 'node:fs/promises'
import { createDescriptorOutput } from './descriptor-output.ts'
import { FileOutput } from './file-output.ts'
import { findFileTarget } from './file-target.ts'
import type { Output, StreamOutput } from './output.ts'
import { createPipeOutput } from './pipe-output.ts'

export interface OpenOutputOptions {
  /** A path, or `-` for standard output. */
  name: string
  cwd: string
  overwrite: boolean
  /** Ends waiting for the reader of a pipe. */
  signal: AbortSignal
}

const STDOUT_FD = 1
const stdoutPaths = new Set(['-', '/dev/stdout', '/dev/fd/1', '/proc/self/fd/1'])

/** Whether `-O` means this process's own standard output, which then must carry nothing but the content. */
export function isStdout(name: string): boolean {
  return stdoutPaths.has(name)
}

/**
 * The output that `-O` names, known to be writable as far as can be told before the first byte.
 * @throws AppError OUTPUT_FAILED with what is wrong with it
 */
export async function openOutput(options: OpenOutputOptions): Promise<Output> {
  const { name, signal } = options
  if (isStdout(name)) return openStdout(signal)
  const target = await findFileTarget(options)
  if (target.kind === 'file') return new FileOutput(name, target)
  if (target.isFifo) {
    return createPipeOutput({ name, path: target.path, waitForReader: true, signal })
  }
  return createDescriptorOutput({
    name,
    async open() {
      const handle = await open(target.path, constants.O_WRONLY)
      return { fd: handle.fd, close: () => handle.close() }
    },
  })
}

async function openStdout(signal: AbortSignal): Promise<StreamOutput> {
  const name = 'standard output'
  const path = `/dev/fd/${STDOUT_FD}`
  const found = await statDescriptor(STDOUT_FD)
  // After a change of user (su) the pipe may be ours to write but not to open anew.
  const reopens = await access(path, constants.W_OK).then(
    () => true,
    () => false,
  )
  if (found.isFIFO() && reopens) {
    return createPipeOutput({ name, path, waitForReader: false, signal })
  }
  return createDescriptorOutput({
    name,
    open: async () => ({ fd: STDOUT_FD, close: async () => {} }),
  })
}

function statDescriptor(fd: number): Promise<Stats> {
  return new Promise((resolve, reject) => {
    fstat(fd, (error, found) => {
      if (error === null) resolve(found)
      else reject(error)
    })
  })
}
