import {
  AppError,
  type BytesBySource,
  type DownloadRequest,
  type ErrorCode,
  isAppError,
  type TaskEfficiency,
} from '@df/proto'
import { type DaemonAnswer, DaemonClient } from './daemon-client.ts'
import { DaemonWatch } from './daemon-watch.ts'
import { type Download, SOURCE_LOST } from './download.ts'

/** How often the figures are asked for while bytes come. */
const FIGURES_EVERY_MS = 1000

/** Refusals that would be the same without the daemon. */
const decisive = new Set<ErrorCode>([
  'CONTENT_CHANGED',
  'CONTENT_DIGEST_MISMATCH',
  'ORIGIN_FAILED',
  'ORIGIN_FORBIDDEN',
  'ORIGIN_NOT_FOUND',
  'ORIGIN_RATE_LIMITED',
  'ORIGIN_STALLED',
  'ORIGIN_TOO_MANY_REDIRECTS',
  'ORIGIN_UNAUTHORIZED',
])

export interface DaemonDownloadOptions {
  /** Base URL of the dfdaemon. */
  daemonUrl: string
  request: DownloadRequest
  signal: AbortSignal
}

/**
 * Opens a download at the host's dfdaemon. Undefined when none answers, or it fails in a way in which a peer of
 * our own may succeed.
 * @throws AppError what the origin said; the signal's reason
 */
export async function openAtDaemon(options: DaemonDownloadOptions): Promise<Download | undefined> {
  const { request, signal } = options
  const client = new DaemonClient(options.daemonUrl)
  if (!(await client.isAlive(signal))) {
    await client.close()
    return undefined
  }
  const watch = new DaemonWatch(client, signal)
  try {
    return download(client, watch, await client.download(request, watch.signal))
  } catch (error) {
    watch.stop()
    await client.close()
    signal.throwIfAborted()
    if (isAppError(error) && decisive.has(error.code)) throw error
    return undefined
  }
}

function download(client: DaemonClient, watch: DaemonWatch, answer: DaemonAnswer): Download {
  const { contentLength, task, body } = answer
  async function* read(_start: number, signal: AbortSignal) {
    let askedAtMs = performance.now()
    try {
      for await (const chunk of body) {
        yield chunk
        if (task !== undefined && performance.now() - askedAtMs > FIGURES_EVERY_MS) {
          askedAtMs = performance.now()
          void watch.askFigures(task)
        }
      }
    } catch (cause) {
      signal.throwIfAborted()
      throw new AppError('PARENT_FAILED', "this host's dfdaemon broke off", {
        cause,
        detail: { [SOURCE_LOST]: true },
      })
    }
    if (task !== undefined) await watch.askFigures(task)
  }
  return {
    via: 'dfdaemon',
    contentLength,
    read,
    received: (): BytesBySource | undefined => watch.received,
    efficiency: async (): Promise<TaskEfficiency | undefined> =>
      task === undefined ? undefined : watch.askEfficiency(task),
    async close() {
      watch.stop()
      await client.close()
    },
  }
}
