import type { IncomingMessage, ServerResponse } from 'node:http'
import {
  type ByteRange,
  formatContentRange,
  parseRangeHeader,
  type TicketVerifier,
} from '@df/codec'
import { BufferPool, problemOf, type TokenBucket } from '@df/kit'
import {
  AppError,
  type HostId,
  headers,
  isTaskId,
  type PieceIndex,
  type PiecePriority,
  pieceAt,
  pieceSpan,
  stripeOf,
  type TaskId,
} from '@df/proto'
import { RateEstimate, type ReceiverPace, type Stream, serveKey } from '@df/scheduling'
import { awaitPiece } from './await-piece.ts'
import type { ContentSource, ServedContent } from './content-source.ts'
import { writeBody } from './response-writer.ts'
import { SendQueue } from './send-queue.ts'

/** How long a request for a piece on its way is held before it is answered 503 PIECE_NOT_YET. */
const HOLD_MS = 1000
/** Read buffers kept for the next sends. */
const KEPT_BUFFER_BYTES = 8 * 1024 * 1024

export interface PieceServerOptions {
  content: ContentSource
  tickets: TicketVerifier
  /** Total upload limit. */
  uploads: TokenBucket
  /** Told what goes out, so that it knows what the link carries; one of the server's own when absent. */
  link?: RateEstimate
  /** Told what goes out to whom, so that it knows who is slow. */
  pace?: ReceiverPace
  holdMs?: number
  /** Monotonic clock, in milliseconds. */
  now?: () => number
  /** Called with the bytes of each body part given to the socket. */
  onSent?(task: TaskId, bytes: number): void
  /** Called for each request that ends in an error. */
  onError?(task: string, error: AppError): void
}

/**
 * Serves {@link routes.content} on raw HTTP requests: any Range of a task, pieces with their proofs. A
 * request for a piece on its way is held for a bounded time; requests whose pieces are there go out oldest
 * piece first; repair requests never wait and go last.
 */
export interface PieceServer {
  /** Answers GET and HEAD completely, errors included. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse, task: string): Promise<void>
}

export function createPieceServer(options: PieceServerOptions): PieceServer {
  const link = options.link ?? new RateEstimate()
  const now = options.now ?? (() => performance.now())
  const queue = new SendQueue({ link, limitBps: () => options.uploads.bps, now })
  const holdMs = options.holdMs ?? HOLD_MS
  const buffers = new BufferPool(KEPT_BUFFER_BYTES)

  return {
    async handle(request, response, task) {
      const gone = new AbortController()
      response.once('close', () => gone.abort(new AppError('PARENT_FAILED', 'the caller left')))
      let content: ServedContent | undefined
      try {
        if (!isTaskId(task)) throw new AppError('TASK_NOT_FOUND', 'that is not a task id')
        const ticket = options.tickets.verify(oneHeader(request, headers.ticket), task)
        content = await options.content.open(task)
        if (content === undefined) throw new AppError('TASK_NOT_FOUND', 'the task is not here')
        await serve({
          request,
          response,
          task,
          receiver: ticket.host,
          content,
          signal: gone.signal,
        })
      } catch (error) {
        if (!gone.signal.aborted) refuse(response, task, error)
      } finally {
        content?.release()
      }
    },
  }

  interface Exchange {
    request: IncomingMessage
    response: ServerResponse
    task: TaskId
    receiver: HostId
    content: ServedContent
    signal: AbortSignal
  }

  async function serve(exchange: Exchange): Promise<void> {
    const { request, response, task, receiver, content, signal } = exchange
    const { contentLength } = content.geometry
    const asked = parseRangeHeader(request.headers.range, contentLength)
    if (asked === 'unsatisfiable') {
      throw new AppError('RANGE_INVALID', `the content has ${contentLength} bytes`)
    }
    const range = asked ?? { start: 0, end: contentLength }
    const priority = priorityOf(oneHeader(request, headers.priority))
    const hold = priority === 'repair' ? 0 : holdMs
    const first = pieceAt(content.geometry, range.start)
    const stream = priority === 'tree' ? streamOf(exchange, first) : undefined
    if (request.method !== 'HEAD' && range.end > range.start) {
      if (stream !== undefined) options.pace?.asked(stream, content.has(first), now())
      await awaitPiece(content, first, hold, signal)
    }
    const proof = isOnePiece(content, first, range) ? content.proof(first) : undefined
    const head = () => {
      response.writeHead(asked === undefined ? 200 : 206, {
        'content-type': 'application/octet-stream',
        'content-length': range.end - range.start,
        'accept-ranges': 'bytes',
        ...(asked === undefined
          ? {}
          : { 'content-range': formatContentRange(range.start, range.end, contentLength) }),
        ...(proof === undefined
          ? {}
          : { [headers.proof]: Buffer.from(proof).toString('base64url') }),
      })
    }
    if (request.method === 'HEAD' || range.end === range.start) {
      head()
      response.end()
      return
    }
    const leave = await queue.enter(serveKey(priority, first), receiver, signal)
    try {
      head()
      await sendRange({ content, range, response, signal, task })
      response.end()
      if (stream !== undefined) options.pace?.sent(stream, now())
    } finally {
      leave()
    }
  }

  /** Who gets which stripe, of pieces that are sent as their turn in the tree is. */
  function streamOf({ task, receiver, content }: Exchange, index: PieceIndex): Stream {
    const { geometry, isWhole } = content
    return { task, stripe: stripeOf(geometry, index), receiver, isWhole }
  }

  async function sendRange(part: {
    content: ServedContent
    range: ByteRange
    response: ServerResponse
    signal: AbortSignal
    task: TaskId
  }): Promise<void> {
    const { content, range, response, signal, task } = part
    let at = range.start
    while (at < range.end) {
      const index = pieceAt(content.geometry, at)
      await awaitPiece(content, index, holdMs, signal)
      const end = Math.min(range.end, pieceSpan(content.geometry, index).end)
      await writeBody({
        readInto: (buffer, from) => content.readInto(buffer, from),
        start: at,
        end,
        response,
        signal,
        buffers,
        limit: (bytes) => options.uploads.take(bytes, signal),
      })
      link.sent(end - at, now())
      options.onSent?.(task, end - at)
      at = end
    }
  }

  function refuse(response: ServerResponse, task: string, cause: unknown): void {
    const problem = problemOf(cause)
    options.onError?.(
      task,
      cause instanceof AppError ? cause : new AppError('INTERNAL', problem.title, { cause }),
    )
    if (response.headersSent) {
      response.destroy()
      return
    }
    const body = JSON.stringify(problem)
    response.writeHead(problem.status, {
      'content-type': 'application/problem+json',
      'content-length': Buffer.byteLength(body),
      ...(problem.status === 429 ? { 'retry-after': '1' } : {}),
    })
    response.end(body)
  }
}

function isOnePiece(content: ServedContent, index: PieceIndex, range: ByteRange): boolean {
  const span = pieceSpan(content.geometry, index)
  return span.start === range.start && span.end === range.end
}

function priorityOf(text: string | undefined): PiecePriority {
  return text === 'urgent' || text === 'repair' ? text : 'tree'
}

function oneHeader(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}
