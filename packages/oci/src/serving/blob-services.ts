import { BufferPool, type Logger } from '@df/kit'
import { reasonOf } from './ending.ts'
import type { BlobServices } from './pull.ts'
import { WrongBlobs } from './wrong-blobs.ts'

/** Enough for some callers at once. */
const KEPT_BUFFER_BYTES = 4 * 1024 * 1024

/** What all blobs of this host are served with, whatever way they are asked for. */
export function createBlobServices(
  parts: Pick<BlobServices, 'engine' | 'registry' | 'rights' | 'metrics'>,
  logger: Logger,
): BlobServices {
  return {
    ...parts,
    wrongBlobs: new WrongBlobs(),
    buffers: new BufferPool(KEPT_BUFFER_BYTES),
    onRescue({ what, upstream }, reason, at) {
      logger.warn(
        {
          registry: upstream.base,
          repository: what.repository,
          digest: what.digest,
          at,
          ...reasonOf(reason),
        },
        'the engine failed, reading from the registry',
      )
    },
  }
}
