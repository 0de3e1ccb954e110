import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { formatAddress, parseListen } from '@df/kit'
import { type HostInfo, HostListSchema, routes } from '@df/proto'
import { Value } from 'typebox/value'
import {
  type Check,
  type DoctorContext,
  type Finding,
  failure,
  ok,
  skipped,
  warning,
} from './check.ts'
import { mirrorFacts } from './daemon-facts.ts'
import { DOCTOR_PROGRAM } from './probes.ts'
import type { WebFacts } from './web-probe.ts'

/** Hosts asked at most, so that a doctor of a large fleet stays quick. */
const MAX_HOSTS = 16

export interface PeerFacts {
  /** Base URL that the host gave the SuperNode. */
  url: string
  answer: WebFacts
}

export interface OwnPeerFacts extends PeerFacts {
  /** Whether a dfdaemon runs that should answer there. */
  runs: boolean
  /** It is what the SuperNode tells other hosts, not only what this host would say. */
  isTold: boolean
}

/** Whether hosts reach each other's peer ports. */
export const peersCheck: Check = {
  name: 'peers',
  summary:
    "peer ports: this host's as advertised, and those of other hosts that the SuperNode tells of",
  async run(context) {
    const found = context.config.supernode.map((url) => peersOf(context, url))
    return (await Promise.all(found)).flat()
  },
}

async function peersOf(context: DoctorContext, supernode: string): Promise<Finding[]> {
  const { probes, config } = context
  const list = await probes.supernode(new URL(routes.hosts.path, supernode).href)
  const hosts = hostsIn(list)
  const ownId = (await readFile(join(config.dataDir, 'host-id'), 'utf8').catch(() => '')).trim()
  const told = hosts?.find(({ id }) => id === ownId)
  const url = told?.url ?? (await ownUrl(context, supernode))
  const own =
    url === undefined ? [] : judgeOwnPeer(await ownFacts(context, url, told !== undefined))
  if (hosts === undefined) return [...own, whyUnknown(supernode, list)]
  const others = hosts.filter(
    ({ id, url: base, program }) =>
      id !== ownId && base !== url && !program.startsWith(DOCTOR_PROGRAM),
  )
  const asked = await Promise.all(
    others.slice(0, MAX_HOSTS).map(async ({ url: base }) => ({
      url: base,
      answer: await probes.plain(`${base}${routes.healthz.path}`),
    })),
  )
  return [...own, ...judgePeers(supernode, asked, others.length)]
}

export function judgeOwnPeer({ url, answer, runs, isTold }: OwnPeerFacts): Finding[] {
  const { host, hostname, port } = new URL(url)
  const teller = isTold ? 'other hosts are told' : 'other hosts would be told'
  if (answer.status === 200) return [ok(`${host}: what ${teller}, answers on this host`)]
  if (!runs) return [skipped(`${host}: what ${teller}; no dfdaemon runs that could answer`)]
  const code = answer.failure?.code ?? `status ${answer.status}`
  return [
    failure(
      `${host}: what ${teller}, does not answer (${code})`,
      `give --advertise an address of this host and --peer-listen 0.0.0.0:${port}; now it is ${hostname}`,
    ),
  ]
}

export function judgePeers(
  supernode: string,
  peers: readonly PeerFacts[],
  total: number,
): Finding[] {
  if (total === 0) return [ok(`${supernode} knows no other host`)]
  const lost = peers.filter(({ answer }) => answer.status !== 200)
  const sample =
    total > peers.length ? `${peers.length} of ${total} other hosts asked` : `${total} other hosts`
  if (lost.length === 0) return [ok(`${sample}: their peer ports answer`)]
  return lost.map(({ url, answer }) => {
    const { host, port, hostname } = new URL(url)
    const code = answer.failure?.code ?? `status ${answer.status}`
    return warning(
      `${host}: the peer port of another host does not answer (${code})`,
      `open TCP port ${port} to ${hostname}, or mend --advertise there`,
    )
  })
}

/** What this host says of itself in a session. */
async function ownUrl(context: DoctorContext, supernode: string): Promise<string | undefined> {
  const { config, probes } = context
  const [facts, mirror] = await Promise.all([
    probes.session({ url: supernode }),
    mirrorFacts(context),
  ])
  const local = config.advertise ?? ('session' in facts ? facts.session.localAddress : undefined)
  const port = mirror.daemon?.peerPort ?? parseListen(config.peerListen).port
  if (local === undefined || port === 0) return undefined
  return `http://${formatAddress(local.replace(/^::ffff:/, ''), port)}`
}

async function ownFacts(
  context: DoctorContext,
  url: string,
  isTold: boolean,
): Promise<OwnPeerFacts> {
  const [answer, mirror] = await Promise.all([
    context.probes.plain(`${url}${routes.healthz.path}`),
    mirrorFacts(context),
  ])
  return { url, answer, isTold, runs: mirror.daemon !== undefined }
}

function hostsIn({ status, body }: WebFacts): HostInfo[] | undefined {
  if (status !== 200) return undefined
  try {
    const list: unknown = JSON.parse(body)
    return Value.Check(HostListSchema, list) ? list.hosts : undefined
  } catch {
    return undefined
  }
}

function whyUnknown(supernode: string, { status, failure: failed }: WebFacts): Finding {
  if (status === 403) {
    return skipped(
      `other hosts: ${supernode} lists them to operators only; run doctor on its machine too`,
    )
  }
  return skipped(`other hosts: ${supernode} does not say (${failed?.code ?? status})`)
}
