import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { createAddressGuard, createOriginDispatcher } from '@df/kit'
import { createContentStore, Spool } from '@df/storage'
import { createOriginClient } from '@df/transfer'
import type { GetOptions } from './commands/get-options.ts'
import type { Engine } from './engine/engine.ts'
import { createEngine } from './engine/local-engine.ts'
import { createNoteLogger } from './progress/log-notes.ts'
import type { TrustFiles } from './trust-files.ts'

const ORIGIN_CONNECT_MS = 3000

/** What a peer is put together from, besides the command line. */
export interface PeerParts {
  version: string
  trust: TrustFiles
  /** Told what the peer warns of, a line each. */
  note(text: string): void
}

/** What a download is made with. */
export interface PeerTools {
  /** An engine over a data directory, not started. */
  engineAt(dataDir: string): Engine
  close(): Promise<void>
}

/**
 * Builds the peer that a command runs for itself. The person at the terminal named the URL, so its host may be
 * an internal one; hosts that it redirects to may not, unless allowed (design §8.5).
 */
export function composePeer(options: GetOptions, tools: PeerParts): PeerTools {
  const { supernodes, insecure, totalLimitBps } = options
  const { originCa, supernodeCa } = tools.trust
  const dispatcher = createOriginDispatcher({
    guard: createAddressGuard({ allow: [new URL(options.url).hostname, ...options.allowOrigin] }),
    connectTimeoutMs: ORIGIN_CONNECT_MS,
    insecure,
    ...(originCa === undefined ? {} : { ca: originCa }),
  })
  const isShared = options.pattern === 'p2p' && supernodes.length > 0
  return {
    engineAt: (dataDir) =>
      createEngine({
        dataDir,
        store: createContentStore({ dir: dataDir, quotaBytes: 0 }),
        spool: new Spool(join(dataDir, 'spool'), () => Number.POSITIVE_INFINITY),
        origin: createOriginClient({ dispatcher }),
        supernodes: isShared ? supernodes : [],
        ...(supernodeCa === undefined ? {} : { supernodeCa }),
        peerListen: { host: isShared ? anyAddress() : '127.0.0.1', port: 0 },
        program: `dfget/${tools.version}`,
        limits: { downBps: totalLimitBps, upBps: totalLimitBps, taskBps: 0 },
        logger: createNoteLogger(tools.note),
      }),
    close: () => dispatcher.destroy(),
  }
}

/** All addresses of this host, of both families where it has IPv6. */
function anyAddress(): string {
  const found = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return found.some(({ family }) => family === 'IPv6') ? '::' : '0.0.0.0'
}
