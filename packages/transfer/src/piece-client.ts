import { createHash } from 'node:crypto'
import { type ProofSubject, type ProofVerifier } from '@df/codec'
import {
  AppError,
  contentPath,
  headers,
  isAppError,
  isErrorCode,
  type PeerRef,
  type PieceIndex,
  type PiecePriority,
  pieceSpan,
} from '@df/proto'
import { Agent, type Dispatcher } from 'undici'
import { watchSilence } from './silence.ts'

/** A parent that sends neither headers nor a byte for this long counts as lost. */
const PARENT_SILENCE_MS = 2000

export interface PieceRequest {
  parent: PeerRef
  subject: ProofSubject
  index: PieceIndex
  priority: PiecePriority
  ticket: string
  signal: AbortSignal
  /** Where the piece goes: exactly as long as the piece, the caller's again when the fetch is over. */
  into: Buffer
  /** Called as bytes arrive. */
  onBytes?(count: number): void
}

export interface FetchedPiece {
  /** The buffer given as `into`. */
  data: Buffer
  sha256: Buffer
  proof: Buffer
}

/** Fetches pieces from other hosts: a narrow port, so that the transport can be replaced. */
export interface PieceClient {
  /**
   * One piece, checked against its signed hash.
   * @throws AppError PIECE_NOT_YET, PIECE_ABSENT, PARENT_BUSY, TICKET_INVALID, TASK_NOT_FOUND as the parent says;
   *   PARENT_FAILED when it cannot be reached, breaks off or is silent; PIECE_INVALID when what it sent is wrong;
   *   the signal's reason when aborted
   */
  fetch(request: PieceRequest): Promise<FetchedPiece>
  close(): Promise<void>
}

export interface PieceClientOptions {
  verifier: ProofVerifier
  /** PEM of the authority that a SuperNode's certificate is checked against, when it serves over TLS. */
  ca?: string
  silenceMs?: number
  /** Connections kept to one host. */
  connections?: number
}

export function createPieceClient(options: PieceClientOptions): PieceClient {
  const silenceMs = options.silenceMs ?? PARENT_SILENCE_MS
  const agent = new Agent({
    allowH2: false,
    connections: options.connections ?? 24,
    pipelining: 1,
    keepAliveTimeout: 30_000,
    headersTimeout: 0,
    bodyTimeout: 0,
    connect: {
      timeout: silenceMs,
      ...(options.ca === undefined ? {} : { ca: options.ca }),
    },
  })

  async function fetchPiece(request: PieceRequest): Promise<FetchedPiece> {
    const watch = watchSilence({
      limitMs: silenceMs,
      code: 'PARENT_FAILED',
      message: 'the host is silent',
      parent: request.signal,
    })
    try {
      const span = pieceSpan(request.subject.geometry, request.index)
      const response = await agent.request({
        origin: request.parent.url,
        path: contentPath(request.subject.task),
        method: 'GET',
        headers: {
          range: `bytes=${span.start}-${span.end - 1}`,
          [headers.ticket]: request.ticket,
          [headers.priority]: request.priority,
        },
        signal: watch.signal,
      })
      if (response.statusCode !== 206) throw await refusalOf(response)
      const { data, sha256 } = await readPiece(response, request.into, (count) => {
        watch.heard()
        request.onBytes?.(count)
      })
      const proof = Buffer.from(String(response.headers[headers.proof] ?? ''), 'base64url')
      if (!options.verifier.verify(request.subject, request.index, sha256, proof)) {
        throw new AppError('PIECE_INVALID', 'the host sent a piece that is not what was signed')
      }
      return { data, sha256, proof }
    } catch (error) {
      request.signal.throwIfAborted()
      if (isAppError(error)) throw error
      if (watch.signal.aborted) throw watch.signal.reason
      throw new AppError('PARENT_FAILED', 'the host does not answer', { cause: error })
    } finally {
      watch.stop()
    }
  }

  return { fetch: fetchPiece, close: () => agent.destroy() }
}

async function readPiece(
  response: Dispatcher.ResponseData,
  data: Buffer,
  onBytes: (count: number) => void,
): Promise<{ data: Buffer; sha256: Buffer }> {
  const hash = createHash('sha256')
  let at = 0
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    onBytes(chunk.length)
    if (at + chunk.length > data.length) {
      throw new AppError('PIECE_INVALID', 'the host sent more than was asked')
    }
    data.set(chunk, at)
    hash.update(chunk)
    at += chunk.length
  }
  if (at < data.length) throw new AppError('PARENT_FAILED', 'the host broke off')
  return { data, sha256: hash.digest() }
}

const maxProblemBytes = 4096

async function refusalOf(response: Dispatcher.ResponseData): Promise<AppError> {
  let text = ''
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (text.length > maxProblemBytes) break
  }
  const code = /"code":"([A-Z_]+)"/.exec(text)?.[1] ?? ''
  const detail = { status: response.statusCode }
  if (isErrorCode(code)) return new AppError(code, 'the host refused the request', { detail })
  return new AppError('PARENT_FAILED', `the host answered ${response.statusCode}`, { detail })
}
