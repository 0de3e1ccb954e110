import { AppError, type PieceIndex } from '@df/proto'
import type { ServedContent } from './content-source.ts'

/**
 * Waits until the content has the piece, at most `holdMs`.
 * @throws AppError PIECE_ABSENT when it will not come, PIECE_NOT_YET when it did not come in time; the signal's reason
 */
export async function awaitPiece(
  content: ServedContent,
  index: PieceIndex,
  holdMs: number,
  signal: AbortSignal,
): Promise<void> {
  if (content.has(index)) return
  if (!content.expects(index)) throw new AppError('PIECE_ABSENT', 'the piece is not here')
  if (holdMs <= 0) throw new AppError('PIECE_NOT_YET', 'the piece is on its way')
  signal.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const settle = (finish: () => void) => {
      clearTimeout(timer)
      stop()
      signal.removeEventListener('abort', onAbort)
      finish()
    }
    const stop = content.onPiece((stored) => {
      if (stored === index) settle(resolve)
    })
    const onAbort = () => settle(() => reject(signal.reason))
    const timer = setTimeout(
      () => settle(() => reject(new AppError('PIECE_NOT_YET', 'the piece is on its way'))),
      holdMs,
    )
    signal.addEventListener('abort', onAbort, { once: true })
  })
}
