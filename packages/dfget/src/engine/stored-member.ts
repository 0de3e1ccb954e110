import type { HostMessage } from '@df/proto'
import type { ContentSummary } from '@df/storage'
import type { SwarmMember } from '../session/supernode-pool.ts'
import { allPieces, joinMessage } from './swarm-messages.ts'

/**
 * A blob that was here, whole and checked, when the engine started: offered to the swarm, so that a restart
 * takes no server away. Only blobs: their digest says that they are still what others mean.
 */
export function storedMember({ task, identity, url, geometry }: ContentSummary): SwarmMember {
  return {
    task,
    join: (): HostMessage =>
      joinMessage({
        task,
        identity,
        source: { url },
        generation: undefined,
        held: { geometry, have: allPieces(geometry) },
        secure: false,
      }),
    onMessage() {},
    onDetached() {},
  }
}
