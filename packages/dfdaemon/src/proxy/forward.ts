import {
  type Agent,
  type ClientRequest,
  request as httpRequest,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http'
import { pipeline } from 'node:stream/promises'
import { originErrorOf } from '@df/kit'
import { AppError } from '@df/proto'
import { hasBody, passedOn } from './fields.ts'
import type { Outgoing } from './outgoing.ts'
import type { Target } from './target.ts'

export interface Forwarding {
  request: IncomingMessage
  response: ServerResponse
  target: Target
  /** What goes to the origin, without fields of the connection. */
  fields: readonly string[]
  outgoing: Outgoing
  /** Bytes of the answer's body, each time some have come. */
  onBytes(bytes: number): void
}

/** Registries' tokens can be larger than Node's 16 KiB. */
export const MAX_HEADER_BYTES = 64 * 1024

/**
 * Passes a request on to its origin and the answer back, both as they are, streaming. Resolves when the answer is out, or
 * the caller has gone.
 * @throws AppError ORIGIN_*; nothing was sent yet, unless the response says otherwise: then it is cut
 */
export async function forward(forwarding: Forwarding): Promise<void> {
  const { request, response, target, outgoing } = forwarding
  const isRepeatable = !hasBody(request)
  // A kept connection may be closed by the origin in the very moment it is used. A body could not be sent twice.
  const kept = outgoing.keptAgent(target.scheme)
  try {
    if (isRepeatable) return await exchange(forwarding, kept)
    await exchange(forwarding, outgoing.freshAgent(target.scheme))
  } catch (error) {
    if (!(error instanceof StaleConnection) || response.headersSent) throw originErrorOf(error)
    await exchange(forwarding, outgoing.freshAgent(target.scheme)).catch((again: unknown) => {
      throw originErrorOf(again)
    })
  }
}

class StaleConnection extends Error {}

async function exchange(forwarding: Forwarding, agent: Agent): Promise<void> {
  const { request, response, fields } = forwarding
  const asked = ask(forwarding, agent)
  const leave = () => asked.destroy()
  response.once('close', leave)
  asked.on('continue', () => response.writeContinue())
  const answered = answerOf(asked)
  if (hasBody(request)) {
    // The caller may wait for a word before it sends the body.
    if (fields.some((field) => /^100-continue$/i.test(field))) asked.flushHeaders()
    request.pipe(asked)
  } else asked.end()
  try {
    const answer = await answered
    await passBack(forwarding, answer)
  } catch (error) {
    asked.destroy()
    if (response.destroyed) return // the caller left, or what it got is cut
    if (asked.reusedSocket && !response.headersSent && !hasBody(request)) {
      throw new StaleConnection('a kept connection was closed', { cause: error })
    }
    throw error
  } finally {
    response.off('close', leave)
    // What is left of a body that the origin did not want to have.
    request.unpipe(asked)
    request.resume()
  }
}

function ask({ request, target, fields }: Forwarding, agent: Agent): ClientRequest {
  const { 'transfer-encoding': coding } = request.headers
  return httpRequest({
    agent,
    host: target.host,
    port: target.port,
    method: request.method,
    path: target.path,
    headers: [...fields, ...(coding === undefined ? [] : ['transfer-encoding', 'chunked'])],
    setHost: false,
    maxHeaderSize: MAX_HEADER_BYTES,
  })
}

function answerOf(asked: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.once('response', resolve)
    asked.on('error', reject) // after the answer too, which then breaks by itself
    asked.once('close', () => {
      reject(new AppError('ORIGIN_FAILED', 'the origin closed the connection without an answer'))
    })
  })
}

async function passBack({ request, response, onBytes }: Forwarding, answer: IncomingMessage) {
  const fields = passedOn(answer.rawHeaders)
  // A body that was announced and not asked for will not come, or it will: the connection is not worth it.
  const isOver = hasBody(request) && !request.complete
  response.sendDate = false
  response.writeHead(answer.statusCode ?? 502, answer.statusMessage, [
    ...fields,
    ...(isOver ? ['connection', 'close'] : []),
  ])
  // The head goes out now: the body may take its time (events, logs).
  response.flushHeaders()
  answer.on('data', (chunk: Buffer) => onBytes(chunk.length))
  await pipeline(answer, response)
}
