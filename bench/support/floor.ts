/** A swarm whose hosts all start at once. Sizes are bytes, rates bytes per second as measured on the links. */
export interface Swarm {
  hosts: number
  contentBytes: number
  seedUpBps: number
  hostUpBps: number
  hostDownBps: number
}

/**
 * The least time in which every host can have the content, in seconds: the seed must send each byte once, each host
 * must receive all of them, and all uploads together must carry N copies. (Mundinger, Weber, Weiss: Optimal scheduling
 * of peer-to-peer file dissemination, 2008.)
 */
export function floorSeconds(swarm: Swarm): number {
  const { hosts, contentBytes, seedUpBps, hostUpBps, hostDownBps } = swarm
  return Math.max(
    contentBytes / seedUpBps,
    contentBytes / hostDownBps,
    (hosts * contentBytes) / (seedUpBps + hosts * hostUpBps),
  )
}
