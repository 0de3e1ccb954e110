import { redactText } from '@df/kit'
import {
  canonicalUrl,
  type DownloadRequest,
  type ErrorCode,
  isAppError,
  type TaskIdentity,
} from '@df/proto'
import type { Engine, OpenRequest } from '../engine/engine.ts'
import { openOutput } from '../output/open-output.ts'
import type { Output } from '../output/output.ts'
import type { DoneInfo } from '../progress/progress.ts'
import type { Reporter } from '../progress/reporter.ts'
import { Ticker } from '../progress/ticker.ts'
import { dataDirFor } from '../sources/data-dir.ts'
import { type Download, type PeerDownload, SOURCE_LOST } from '../sources/download.ts'
import { openAtDaemon } from '../sources/local-daemon.ts'
import { openOwnPeer } from '../sources/own-peer.ts'
import { Delivery } from './delivery.ts'
import type { GetOptions } from './get-options.ts'
import { TimeLimit } from './time-limit.ts'

export interface GetContext {
  cwd: string
  /** dfget's own folder on this host. */
  baseDir: string
  /** Aborts when the user does. */
  signal: AbortSignal
  reporter: Reporter
  /** An engine over a data directory, not started. */
  engineAt(dataDir: string): Promise<Engine>
}

/** One run: what is asked for, and how far it got. */
interface Run {
  options: GetOptions
  context: GetContext
  output: Output
  delivery: Delivery
  signal: AbortSignal
}

type Fetched = Omit<DoneInfo, 'elapsedMs'>

/** After these, a later run has nothing to gain from what this one stored. */
const spoiled = new Set<ErrorCode>(['CONTENT_DIGEST_MISMATCH', 'DISK_FULL'])

/**
 * Fetches one content to its output: over the host's dfdaemon when one answers, else, or from where that broke
 * off, by a peer of its own.
 * @throws AppError what went wrong, an existing output being as it was before; the signal's reason
 */
export async function get(options: GetOptions, context: GetContext): Promise<void> {
  const startedAtMs = performance.now()
  const limit = new TimeLimit(options.timeoutMs, context.signal)
  const { signal } = limit
  try {
    const { cwd } = context
    const output = await openOutput({
      name: options.output,
      cwd,
      overwrite: options.overwrite,
      signal,
    })
    const delivery = new Delivery({ output, digest: options.labels.digest })
    const run: Run = { options, context, output, delivery, signal }
    try {
      const fetched = (await fetchByDaemon(run)) ?? (await fetchByPeer(run))
      context.reporter.done({ ...fetched, elapsedMs: performance.now() - startedAtMs })
    } finally {
      await output.discard()
    }
  } finally {
    limit.stop()
  }
}

/** Undefined when the daemon cannot do it, or no longer can. */
async function fetchByDaemon(run: Run): Promise<Fetched | undefined> {
  const { options, context, signal } = run
  const { daemonUrl } = options
  if (daemonUrl === undefined) return undefined
  const request = daemonRequest(options)
  const download = await openAtDaemon({ daemonUrl, request, signal })
  if (download === undefined) return undefined
  try {
    return await carryOut(run, download, () => copy(run, download))
  } catch (error) {
    if (!isAppError(error) || error.detail[SOURCE_LOST] !== true) throw error
    context.reporter.note(`dfget: ${error.message}; going on without it`)
    return undefined
  }
}

async function fetchByPeer(run: Run): Promise<Fetched> {
  const { options, context, output, signal } = run
  const dataDir = dataDirFor({
    given: options.dataDir,
    base: context.baseDir,
    url: options.url,
    filterQuery: options.filterQuery,
    outputPath: output.kind === 'file' ? output.path : undefined,
  })
  const download = await openOwnPeer({
    dataDir,
    engineAt: context.engineAt,
    request: peerRequest(options),
    about: {
      url: redactText(options.url),
      output: output.kind === 'file' ? output.path : output.name,
    },
    signal,
  })
  return carryOut(run, download, async () => {
    if (!(await handOver(run, download))) await copy(run, download)
  })
}

/** Does the work with everything around it: progress, the output's completion, the download's end. */
async function carryOut(
  run: Run,
  download: Download | PeerDownload,
  work: () => Promise<void>,
): Promise<Fetched> {
  const { options, output, delivery } = run
  const { reporter } = run.context
  const { via, contentLength } = download
  const stored = () => ('haveBytes' in download ? download.haveBytes() : 0)
  const resumedBytes = stored()
  reporter.start({
    url: redactText(options.url),
    output: options.output,
    via,
    contentLength,
    resumedBytes,
  })
  const ticker = new Ticker(reporter, () => ({
    bytes: output.kind === 'file' ? Math.max(stored(), delivery.bytes) : delivery.bytes,
    contentLength,
    received: download.received(),
  }))
  let resumable = false
  try {
    await work()
    await output.commit()
    const bytes = contentLength ?? delivery.bytes
    return {
      output: options.output,
      bytes,
      resumedBytes,
      received: download.received(),
      efficiency: await download.efficiency(run.signal),
    }
  } catch (error) {
    resumable = !isAppError(error) || !spoiled.has(error.code)
    throw error
  } finally {
    ticker.stop()
    await download.close({ resumable })
  }
}

/** Lets the store's own file become the output, where that needs no copy. False when it does. */
async function handOver(
  { output, options, delivery, signal }: Run,
  download: PeerDownload,
): Promise<boolean> {
  if (output.kind !== 'file') return false
  if (delivery.bytes > 0 && options.labels.digest !== undefined) return false
  if (!(await output.isOnFileSystemOf(download.dataDir))) return false
  await download.finished(signal)
  await output.fill((path) => download.exportTo(path))
  return true
}

async function copy({ output, delivery, signal }: Run, download: Download): Promise<void> {
  const { contentLength } = download
  if (output.kind === 'file' && contentLength !== undefined) {
    await output.ensureSpace(contentLength - delivery.bytes)
  }
  await delivery.copy(download, signal)
  delivery.check()
}

function daemonRequest(options: GetOptions): DownloadRequest {
  const { url, headers, labels, filterQuery } = options
  const limits = [options.rateLimitBps, options.totalLimitBps].filter((bps) => bps > 0)
  return {
    url,
    headers,
    filterQuery,
    ...labels,
    ...(limits.length === 0 ? {} : { rateLimitBps: Math.min(...limits) }),
  }
}

function peerRequest(options: GetOptions): OpenRequest {
  const { url, headers, labels, filterQuery, pattern, rateLimitBps } = options
  const identity: TaskIdentity = {
    kind: 'url',
    canonicalUrl: canonicalUrl(url, { filterQuery }),
    ...labels,
  }
  return {
    identity,
    source: { url, headers, filterQuery },
    pattern,
    confirm: true,
    ...(rateLimitBps === 0 ? {} : { rateLimitBps }),
  }
}
