import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FaultRule } from './faults.ts'
import type { RequestEntry } from './request-log.ts'

export type Body = AsyncIterable<Uint8Array> | Iterable<Uint8Array>

/** Small enough for an even pace at low rates. */
const pacedChunkBytes = 16 * 1024

/** Sends a body with the faults of `fault`, by the pace of the client; ends when the client is gone. */
export async function sendBody(
  response: ServerResponse,
  body: Body,
  fault: FaultRule,
  entry: RequestEntry,
): Promise<void> {
  let isStalled = false
  for await (let chunk of pieces(body, fault)) {
    if (fault.corruptAt !== undefined) chunk = flipped(chunk, fault.corruptAt - entry.sentBytes)
    const room = (fault.truncateAt ?? Number.POSITIVE_INFINITY) - entry.sentBytes
    if (chunk.length > room) {
      await write(response, chunk.subarray(0, room), entry)
      response.destroy()
      return
    }
    if (
      !isStalled &&
      fault.stallAt !== undefined &&
      entry.sentBytes + chunk.length > fault.stallAt
    ) {
      const before = fault.stallAt - entry.sentBytes
      await write(response, chunk.subarray(0, before), entry)
      await pause(response, fault.stallMs)
      chunk = chunk.subarray(before)
      isStalled = true
    }
    await write(response, chunk, entry)
    if (response.destroyed) return
    if (fault.bps !== undefined) await sleep((chunk.length / fault.bps) * 1000)
  }
  response.end()
}

async function* pieces(body: Body, { bps }: FaultRule): AsyncGenerator<Uint8Array> {
  const limit = bps === undefined ? Number.POSITIVE_INFINITY : pacedChunkBytes
  for await (const chunk of body)
    if (chunk.length <= limit) yield chunk
    else
      for (let start = 0; start < chunk.length; start += limit)
        yield chunk.subarray(start, start + limit)
}

function flipped(chunk: Uint8Array, at: number): Uint8Array {
  const byte = chunk[at]
  return byte === undefined ? chunk : Uint8Array.from(chunk).fill(byte ^ 0xff, at, at + 1)
}

/** Waits until the chunk is with the system, so that a cut right after it cuts exactly there. */
async function write(
  response: ServerResponse,
  chunk: Uint8Array,
  entry: RequestEntry,
): Promise<void> {
  if (chunk.length === 0 || response.destroyed) return
  entry.sentBytes += chunk.length
  await new Promise<void>((resolve) => {
    response.once('close', resolve)
    response.write(chunk, () => {
      response.off('close', resolve)
      resolve()
    })
  })
}

async function pause(response: ServerResponse, forMs: number | undefined): Promise<void> {
  const closed = new AbortController()
  const isClosed = once(response, 'close', { signal: closed.signal }).catch(() => undefined)
  await (forMs === undefined ? isClosed : Promise.race([isClosed, sleep(forMs)]))
  closed.abort()
}
