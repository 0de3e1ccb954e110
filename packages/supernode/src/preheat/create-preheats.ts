import { join } from 'node:path'
import type { Logger, Metrics } from '@df/kit'
import { loginInFile } from '@df/oci'
import type { HostId, TaskId } from '@df/proto'
import pLimit from 'p-limit'
import type { SourceReaderOptions } from '../seed/source-reader.ts'
import { piecesOf } from '../swarm/member.ts'
import type { Swarms } from '../swarm/swarms.ts'
import { JobStore } from './job-store.ts'
import type { Orders } from './orders.ts'
import { preheatWatch } from './preheat-watch.ts'
import { Preheats } from './preheats.ts'

/** Contents that all preheats together have read at once. */
const SEEDS_AT_ONCE = 4
/** Two minutes of an origin that is down are waited for. */
const RETRY = { tries: 9, baseMs: 1000, maxMs: 30_000 }

export interface CreatePreheatsOptions {
  dataDir: string
  /** Base URLs of registries by host. */
  registries: Readonly<Record<string, string>>
  /** Logins of the operator, as docker and podman write them. */
  authFile: string | undefined
  swarms: Swarms
  orders: Orders
  origin: SourceReaderOptions
  metrics: Metrics
  logger: Logger
}

/** The preheats of a SuperNode, put together. */
export function createPreheats(options: CreatePreheatsOptions): Preheats {
  const { dataDir, registries, authFile, swarms, orders, origin, metrics, logger } = options
  const preheats: Preheats = new Preheats({
    store: new JobStore(join(dataDir, 'preheats'), logger),
    around: {
      want: (identity, source) => swarms.want(identity, source),
      orders,
      candidates: () =>
        swarms
          .connected()
          .flatMap(({ host, labels }) => (labels === undefined ? [] : [{ host, labels }])),
      origin,
      registries,
      async operatorLogin(registry, repository) {
        if (authFile === undefined) return undefined
        const login = await loginInFile(authFile, registry, repository)
        if (login === undefined || !('identityToken' in login)) return login
        logger.warn({ registry }, 'the login in preheat.authFile is an identity token: not used')
        return undefined
      },
      seeds: pLimit(SEEDS_AT_ONCE),
      retry: RETRY,
    },
    hostBytes: (host, task) => {
      const { pieceSize = 0, contentLength = 0 } = swarms.get(task)?.content?.geometry ?? {}
      return Math.min(hostPieces(swarms, host, task) * pieceSize, contentLength)
    },
    watch: preheatWatch(metrics, logger, (state) => preheats.count(state)),
    logger,
  })
  return preheats
}

/** Pieces that a host has of a task, as far as it has told. */
export function hostPieces(swarms: Swarms, host: HostId, task: TaskId): number {
  const swarm = swarms.get(task)
  const member = swarm?.members.get(host)
  if (swarm?.content === undefined || member === undefined) return 0
  return piecesOf(member, swarm.content)
}
