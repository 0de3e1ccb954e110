import { Compile } from 'typebox/compile'
import { AppError } from './app-error.ts'
import {
  HostFrameSchema,
  type HostMessage,
  MAX_FRAME_BYTES,
  SupernodeFrameSchema,
  type SupernodeMessage,
} from './session.ts'

const hostFrame = Compile(HostFrameSchema)
const supernodeFrame = Compile(SupernodeFrameSchema)

export function encodeFrame(messages: readonly (HostMessage | SupernodeMessage)[]): string {
  return JSON.stringify(messages)
}

/** @throws AppError REQUEST_INVALID */
export function decodeHostFrame(text: string): HostMessage[] {
  const value = parse(text)
  if (hostFrame.Check(value)) return value
  throw invalid(hostFrame.Errors(value))
}

/** @throws AppError REQUEST_INVALID */
export function decodeSupernodeFrame(text: string): SupernodeMessage[] {
  const value = parse(text)
  if (supernodeFrame.Check(value)) return value
  throw invalid(supernodeFrame.Errors(value))
}

function parse(text: string): unknown {
  if (text.length > MAX_FRAME_BYTES) {
    throw new AppError('REQUEST_INVALID', `session frame of ${text.length} characters is too large`)
  }
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new AppError('REQUEST_INVALID', 'session frame is not JSON', { cause })
  }
}

function invalid(errors: Iterable<{ instancePath: string; message: string }>): AppError {
  const [first] = errors
  const where = first === undefined ? '' : `: ${first.instancePath || '/'} ${first.message}`
  return new AppError('REQUEST_INVALID', `session frame does not fit the protocol${where}`)
}
