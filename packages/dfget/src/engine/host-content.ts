import type { PieceIndex, TaskId } from '@df/proto'
import type { ContentStore } from '@df/storage'
import type { ContentSource, ServedContent } from '@df/transfer'
import type { Download } from './download.ts'

/** This host's contents as its piece server serves them: stored ones, and those still being fetched. */
export function hostContent(
  store: ContentStore,
  downloadOf: (task: TaskId) => Download | undefined,
): ContentSource {
  return {
    async open(task): Promise<ServedContent | undefined> {
      const content = await store.open(task)
      if (content === undefined) return undefined
      return {
        geometry: content.meta.geometry,
        generation: content.meta.generation,
        isWhole: content.complete,
        // A piece without a proof could not be checked by anybody: it stays here.
        has: (index: PieceIndex) => content.has(index) && content.proof(index) !== undefined,
        expects: (index: PieceIndex) =>
          !content.has(index) && downloadOf(task)?.state === 'fetching',
        proof: (index: PieceIndex) => content.proof(index),
        readInto: (buffer, start) => content.readInto(buffer, start),
        onPiece: (listener) => content.onPiece(listener),
        release: () => content.release(),
      }
    },
  }
}
