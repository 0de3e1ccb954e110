import type { TaskId } from '@df/proto'
import type { ContentStore } from '@df/storage'
import type { ContentSource } from '@df/transfer'

/**
 * The SuperNode's copies, as the piece server serves them. `isGrowing` tells whether the seed is reading that
 * generation of a task now.
 */
export function seedContent(
  store: ContentStore,
  isGrowing: (task: TaskId, generation: string) => boolean,
): ContentSource {
  return {
    async open(task) {
      const content = await store.open(task)
      if (content === undefined) return undefined
      const { geometry, generation } = content.meta
      return {
        geometry,
        generation,
        isWhole: true,
        has: (index) => content.has(index) && content.proof(index) !== undefined,
        expects: () => isGrowing(task, generation),
        proof: (index) => content.proof(index),
        readInto: (buffer, start) => content.readInto(buffer, start),
        onPiece: (listener) => content.onPiece(listener),
        release: () => content.release(),
      }
    },
  }
}
