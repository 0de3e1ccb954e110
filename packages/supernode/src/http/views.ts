import {
  formatBitfieldText,
  type HostId,
  type HostInfo,
  type PeerInfo,
  type PieceMap,
  pieceCount,
  type TaskInfo,
} from '@df/proto'
import type { PeerView } from '@df/scheduling'
import type { ContentSummary, StoredContent } from '@df/storage'
import type { SwarmRates } from '../swarm/efficiency.ts'
import type { HostLink } from '../swarm/host-link.ts'
import { isComplete, piecesOf } from '../swarm/member.ts'
import type { Swarm } from '../swarm/swarm.ts'
import { whole } from './swarm-view.ts'

/** A task by its swarm, its stored content, or both; at least one is there. */
export function taskInfo(swarm: Swarm | undefined, stored: ContentSummary | undefined): TaskInfo {
  const of = swarm ?? stored
  if (of === undefined) throw new TypeError('a task without swarm and content')
  const content = swarm?.content ?? stored
  const members = [...(swarm?.members.values() ?? [])]
  return {
    id: of.task,
    kind: of.identity.kind,
    url: of.url,
    digest: of.identity.digest ?? null,
    state: stateOf(swarm, stored),
    contentLength: content?.geometry.contentLength ?? null,
    pieceSize: content?.geometry.pieceSize ?? null,
    pieces: content === undefined ? null : pieceCount(content.geometry),
    seedPieces: stored?.havePieces ?? 0,
    peers: members.length,
    completePeers: members.filter((member) => isComplete(member, swarm?.content)).length,
    originBytes: swarm?.originBytes ?? 0,
    uploadedBytes: swarm?.uploadedBytes ?? 0,
    createdAt: new Date(stored?.createdAtMs ?? swarm?.createdAtMs ?? 0).toISOString(),
    error: swarm?.error?.message ?? null,
  }
}

function stateOf(swarm: Swarm | undefined, stored: ContentSummary | undefined): TaskInfo['state'] {
  if (swarm !== undefined && swarm.state !== 'idle' && swarm.state !== 'complete')
    return swarm.state
  return stored !== undefined && stored.havePieces === stored.pieces ? 'complete' : 'idle'
}

export interface PeersOptions {
  swarm: Swarm
  /** The scheduler's view of the same hosts. */
  placed: readonly PeerView[]
  link(host: HostId): HostLink | undefined
  rates: SwarmRates
}

export function peerInfos({ swarm, placed, link, rates }: PeersOptions): PeerInfo[] {
  const views = new Map(placed.map((view) => [view.host, view]))
  return [...swarm.members.values()].map((member) => {
    const view = views.get(member.host)
    const account = swarm.ledger.accounts.get(member.host)
    const { upBps, downBps } = rates.of(member.host)
    return {
      host: member.host,
      url: link(member.host)?.url ?? '',
      pieces: swarm.content === undefined ? 0 : piecesOf(member, swarm.content),
      complete: isComplete(member, swarm.content),
      banned: view?.banned ?? false,
      parents: [...new Set(view?.parents)].filter((parent): parent is HostId => parent !== 'seed'),
      children: view?.children ?? 0,
      received: account?.received ?? { peers: 0, seed: 0, origin: 0 },
      upBps: whole(upBps),
      downBps: whole(downBps),
      finishedAfterMs: whole(account?.finishedAfterMs),
    }
  })
}

export function pieceMap(swarm: Swarm | undefined, stored: StoredContent | undefined): PieceMap {
  const content = swarm?.content ?? stored?.meta
  const pieces = content === undefined ? 0 : pieceCount(content.geometry)
  const none = formatBitfieldText(new Uint8Array(Math.ceil(pieces / 8)), pieces)
  const fits = stored !== undefined && pieceCount(stored.meta.geometry) === pieces
  return {
    pieces,
    seed: fits ? formatBitfieldText(stored.bits(), pieces) : none,
    hosts: [...(swarm?.members.values() ?? [])].map(({ host, have }) => ({
      host,
      have: have?.pieces.count === pieces ? have.pieces.toString() : none,
    })),
  }
}

export function hostInfo(link: HostLink, tasks: number): HostInfo {
  return {
    id: link.host,
    url: link.url,
    program: link.program,
    connectedAt: new Date(link.connectedAtMs).toISOString(),
    tasks,
    labels: link.labels ?? null,
  }
}
