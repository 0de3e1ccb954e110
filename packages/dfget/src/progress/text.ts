import { formatDuration, formatRate, formatSize } from '@df/kit'
import type { BytesBySource, TaskEfficiency } from '@df/proto'
import { type DoneInfo, type Progress, remainingMs } from './progress.ts'

const MIN_BAR = 10
const MAX_BAR = 40

/**
 * One line of at most `columns` characters: the bar takes what the figures leave; when the line is too short the
 * share, then the time to go, then the bar, then the rate are left out.
 */
export function barLine(progress: Progress, columns: number): string {
  const { bytes, contentLength } = progress
  const ratio = ratioOf(progress)
  const size =
    contentLength === undefined
      ? formatSize(bytes)
      : `${formatSize(bytes)} of ${formatSize(contentLength)}`
  const percentage = ratio === undefined ? '' : `${String(Math.floor(ratio * 100)).padStart(3)}%`
  const rate = formatRate(progress.rateBps)
  const left = remainingMs(progress)
  const eta = left === undefined ? '' : `ETA ${formatDuration(left)}`
  const share = shareText(progress.received)
  for (const tail of [
    [size, rate, share, eta],
    [size, rate, eta],
    [size, rate],
  ]) {
    const figures = join(tail)
    const room = Math.min(MAX_BAR, columns - join([percentage, figures]).length - 4)
    if (room >= MIN_BAR) return join([percentage, bar(ratio, room, progress.elapsedMs), figures])
  }
  const plain = [join([percentage, size, rate]), join([percentage, size]), percentage]
  return plain.find((text) => text.length <= columns) ?? ''
}

/** For logs and pipes, where a bar cannot be redrawn. */
export function plainLine(progress: Progress): string {
  const ratio = ratioOf(progress)
  const left = remainingMs(progress)
  return [
    ratio === undefined ? '' : `${Math.floor(ratio * 100)}%`,
    progress.contentLength === undefined
      ? formatSize(progress.bytes)
      : `${formatSize(progress.bytes)} of ${formatSize(progress.contentLength)}`,
    formatRate(progress.rateBps),
    shareText(progress.received),
    left === undefined ? '' : `ETA ${formatDuration(left)}`,
  ]
    .filter((part) => part !== '')
    .join(', ')
}

/** `out.bin: 3 GiB in 31.4s, 97.8 MiB/s, peers 80%, seed 20%, 1.04 × floor (rate limit)`. */
export function summaryLine({
  output,
  bytes,
  resumedBytes,
  elapsedMs,
  received,
  efficiency,
}: DoneInfo): string {
  const rateBps = elapsedMs > 0 ? ((bytes - resumedBytes) * 1000) / elapsedMs : 0
  return [
    `${output}: ${formatSize(bytes)} in ${formatDuration(elapsedMs)}`,
    formatRate(rateBps),
    resumedBytes === 0 ? '' : `${formatSize(resumedBytes)} from before`,
    shareText(received),
    floorText(efficiency),
  ]
    .filter((part) => part !== '')
    .join(', ')
}

/** The text without line breaks and other control characters, which names and servers may hold. */
export function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ')
}

/** `peers 80%, seed 15%, origin 5%`, parts that gave nothing left out. */
function shareText(received: BytesBySource | undefined): string {
  if (received === undefined) return ''
  const total = received.peers + received.seed + received.origin
  return (['peers', 'seed', 'origin'] as const)
    .filter((source) => received[source] > 0)
    .map((source) => `${source} ${Math.round((received[source] / total) * 100)}%`)
    .join(', ')
}

const floorRates = {
  limit: 'rate limit',
  seen: 'most ever received',
  seed: "SuperNode's limit",
}

/** Time ÷ floor, and what the floor is of; nothing when nothing was received. */
function floorText(efficiency: TaskEfficiency | undefined): string {
  if (efficiency === undefined || efficiency.firstByteMs === null) return ''
  const { floorRatio, floorBy } = efficiency
  if (floorRatio === null || floorBy === null) return 'floor unknown'
  return `${floorRatio.toFixed(2)} × floor (${floorRates[floorBy]})`
}

function ratioOf({ bytes, contentLength }: Progress): number | undefined {
  if (contentLength === undefined) return undefined
  return contentLength === 0 ? 1 : Math.min(1, bytes / contentLength)
}

/** `[=====>    ]`; a block that wanders while the length is unknown. */
function bar(ratio: number | undefined, width: number, elapsedMs: number): string {
  if (ratio === undefined) {
    const span = width - 3
    const step = Math.floor(elapsedMs / 100) % (2 * span)
    const at = step < span ? step : 2 * span - step
    return `[${`${' '.repeat(at)}<=>`.padEnd(width)}]`
  }
  const full = Math.floor(ratio * width)
  return `[${(full < width ? `${'='.repeat(full)}>` : '='.repeat(width)).padEnd(width)}]`
}

function join(parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('  ')
}
