import { randomInt } from 'node:crypto'
import { join } from 'node:path'
import { issueTicket, Keyring, TicketVerifier } from '@df/codec'
import {
  type BoundAddress,
  type Composition,
  closeServer,
  createAddressGuard,
  createMetrics,
  createOriginDispatcher,
  isLoopbackAddress,
  type Logger,
  listen,
  type Metrics,
  parseListen,
  readCertificates,
  readPem,
  type Startable,
  TokenBucket,
} from '@df/kit'
import { AnonymousTokens } from '@df/oci'
import type { PreheatRequest, TaskId } from '@df/proto'
import { createEventLog, createSchedulerState, ReceiverPace } from '@df/scheduling'
import { createContentStore, Spool } from '@df/storage'
import { createPieceServer, PaceWatch } from '@df/transfer'
import type { FastifyInstance } from 'fastify'
import type { SupernodeConfig } from './config.ts'
import { EventLogFile } from './event-log-file.ts'
import { createApp } from './http/app.ts'
import { loadIdentity } from './identity.ts'
import { createSupernodeMetrics } from './metrics.ts'
import { createPreheats, hostPieces } from './preheat/create-preheats.ts'
import { Orders } from './preheat/orders.ts'
import { createRedirectFront } from './redirect/front.ts'
import { SchedulingLoop } from './scheduling-loop.ts'
import { GenerationBook } from './seed/generation-book.ts'
import { seedContent } from './seed/seed-content.ts'
import { SeedTask } from './seed/seed-task.ts'
import { seedWatch } from './seed-watch.ts'
import { SessionServer } from './session/session-server.ts'
import type { SwarmRates } from './swarm/efficiency.ts'
import { Swarms } from './swarm/swarms.ts'

const TICKET_LIFE_MS = 10 * 60 * 1000
const ORIGIN_CONNECT_MS = 3000
/** Without a quota, a content of unknown length may still not grow for ever. */
const MAX_SPOOL_BYTES = 1024 ** 4

/** Which hosts get what is pushed, by the setting. */

/** A SuperNode put together; `server` and `metrics` for tests and for the reference of routes and metrics. */
export interface Supernode extends Composition<SupernodeConfig> {
  server: FastifyInstance
  metrics: Metrics
}

/**
 * Builds the SuperNode's object graph.
 * @throws AppError CONFIG_INVALID (files named in the configuration), STORAGE_FAILED
 */
export async function composeSupernode(
  config: SupernodeConfig,
  { logger, version }: { logger: Logger; version: string },
): Promise<Supernode> {
  const tls = await readTls(config)
  const originCa = await readCertificates('--origin-ca', config.originCa)
  const identity = await loadIdentity(config.dataDir)
  const nowMs = () => performance.now()

  const dispatcher = createOriginDispatcher({
    guard: createAddressGuard({ allow: [...config.allowOrigin, ...configuredHosts(config)] }),
    connectTimeoutMs: ORIGIN_CONNECT_MS,
    insecure: config.originInsecure,
    ...(originCa === undefined ? {} : { ca: originCa }),
  })
  const origin = { dispatcher, tokens: new AnonymousTokens({ dispatcher }) }
  const store = createContentStore({ dir: config.dataDir, quotaBytes: config.quota, logger })
  const spool = new Spool(join(config.dataDir, 'spool'), () => config.quota || MAX_SPOOL_BYTES)
  const setup = {
    store,
    spool,
    key: identity.key,
    segmentBytes: config.seed.segment,
    maxLanes: config.seed.connections,
  }
  const generations = new GenerationBook()

  const metrics = createMetrics('supernode')
  const ownMetrics = createSupernodeMetrics(metrics, {
    sessions: () => sessions.size,
    tasks: (state) => swarms.all().filter((swarm) => swarm.state === state).length,
    storedBytes: () => store.usage().storedBytes,
    quotaBytes: () => store.usage().quotaBytes,
  })

  const recording = config.scheduler.recordEvents
    ? new EventLogFile(join(config.dataDir, 'scheduler-events.jsonl'), logger)
    : undefined
  const schedulerOptions = { seed: randomInt(2 ** 31), seedSlots: config.scheduler.seedSlots }
  const scheduler = createSchedulerState(schedulerOptions)
  const loop = new SchedulingLoop({
    state: scheduler,
    nowMs,
    execute: (plan) => swarms.execute(plan),
    onReduced: (type, ms) => ownMetrics.scheduled(type, ms / 1000),
    ...(recording === undefined
      ? {}
      : {
          log: createEventLog({ ...schedulerOptions, write: (line) => recording.write(line) }),
        }),
  })
  const uploads = new TokenBucket({ bps: config.uploadLimit })
  const rates: SwarmRates = {
    seedBps: () => uploads.bps || undefined,
    of: (host) => scheduler.rates.of(host),
  }
  const orders = new Orders({
    link: (host) => swarms.link(host),
    pieces: (host, task) => hostPieces(swarms, host, task),
  })
  const swarms: Swarms = new Swarms({
    supernode: identity.id,
    orders,
    schedule: (event) => loop.apply(event),
    startSeed: (task, taskIdentity, start) =>
      new SeedTask({ task, identity: taskIdentity, setup, generations, origin, ...start }),
    ticket: (task, host) =>
      issueTicket(identity.key, {
        task,
        host,
        expires: Math.ceil((Date.now() + TICKET_LIFE_MS) / 1000),
      }),
    ticketRenewMs: TICKET_LIFE_MS / 2,
    nowMs,
    watch: seedWatch(ownMetrics, rates, logger),
    logger,
  })
  const sessions = new SessionServer({
    supernode: identity.id,
    publicKey: identity.key.publicKey,
    reportEveryMs: config.reportEvery,
    upBps: rates.seedBps,
    advertise: config.advertise?.replace(/\/+$/, ''),
    listener: swarms,
    logger,
  })

  const keyring = new Keyring()
  keyring.add(identity.key.publicKey)
  const onSent = (task: TaskId, bytes: number) => {
    ownMetrics.uploaded(bytes)
    const swarm = swarms.get(task)
    if (swarm !== undefined) swarm.uploadedBytes += bytes
  }
  const pace = new ReceiverPace()
  const pieces = createPieceServer({
    pace,
    content: seedContent(store, (task, generation) => {
      return swarms.get(task)?.isGrowing(generation) === true
    }),
    tickets: new TicketVerifier(keyring),
    uploads,
    onSent,
    onError: (_, { code }) => ownMetrics.failed('content', code),
  })

  const redirects = createRedirectFront({
    config: config.redirect,
    swarms,
    store,
    uploads,
    onSent,
    dispatcher,
    metrics: ownMetrics,
    logger,
  })

  const { registry: registries } = config
  const preheats = createPreheats({
    dataDir: config.dataDir,
    registries,
    authFile: config.preheat.authFile,
    swarms,
    orders,
    origin,
    metrics,
    logger,
  })

  let bound: BoundAddress | undefined
  const server = createApp({
    http: {
      logger,
      metrics,
      name: 'supernode',
      isReady: () => bound !== undefined,
      access: config.operatorToken === undefined ? {} : { operatorToken: config.operatorToken },
      ...(tls === undefined ? {} : { tls }),
    },
    api: { supernode: identity.id, swarms, store, scheduler, rates, version },
    preheat: { preheats, registries, onPush: pushTarget(config) },
    pieces,
    redirected: redirects.answer,
  })
  const edge: Startable = {
    async start() {
      sessions.attach(server.server)
      bound = await listen(server, parseListen(config.listen))
      if (tls === undefined && !isLoopbackAddress(bound.host)) {
        logger.warn('plain mode: sessions and pieces travel without TLS, and no credentials do')
      }
    },
    async stop() {
      bound = undefined
      await sessions.close()
      await closeServer(server)
    },
  }

  return {
    server,
    metrics,
    parts: [
      store,
      { start: () => spool.start(), stop: async () => {} },
      { start: async () => {}, stop: () => dispatcher.destroy() },
      ...(recording === undefined ? [] : [recording]),
      { start: async () => {}, stop: async () => loop.stop() },
      { start: async () => swarms.start(), stop: () => swarms.stop() },
      preheats,
      new PaceWatch({
        pace,
        now: nowMs,
        report: ({ receiver, ...slow }) =>
          loop.apply({
            type: 'slow',
            host: 'seed',
            task: slow.task,
            child: receiver,
            stripe: slow.stripe,
            share: slow.share,
          }),
      }),
      edge,
    ],
    ready: () => bound?.url ?? '',
    reload(next) {
      uploads.setRate(next.uploadLimit)
      redirects.setRightsTtl(next.redirect.rightsTtl)
    },
  }
}

/** Where what is pushed goes; undefined: nowhere. */
function pushTarget({ preheat }: SupernodeConfig): Pick<PreheatRequest, 'hosts'> | undefined {
  const { onPush, onPushLabel, onPushShare } = preheat
  if (onPush === 'off') return undefined
  if (onPush === 'seed') return {}
  return { hosts: { labels: onPushLabel, share: onPushShare / 100 } }
}

/** What the operator names as an origin is no internal address that others led us to. */
function configuredHosts({ redirect: { origin }, registry }: SupernodeConfig): string[] {
  const urls = [...(origin === undefined ? [] : [origin]), ...Object.values(registry)]
  return urls.map((url) => new URL(url).hostname)
}

async function readTls({ tlsCert, tlsKey }: SupernodeConfig) {
  if (tlsCert === undefined || tlsKey === undefined) return undefined
  return { cert: await readPem('--tls-cert', tlsCert), key: await readPem('--tls-key', tlsKey) }
}
