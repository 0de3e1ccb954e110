import { randomBytes } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { taskIdOf } from '@df/codec'
import { createAddressGuard } from '@df/kit'
import { type Digest, isAppError, type TaskIdentity } from '@df/proto'
import { Upstreams } from '../mirror/upstreams.ts'
import {
  type Check,
  type DoctorContext,
  type Finding,
  failure,
  ok,
  skipped,
  warning,
} from './check.ts'
import type { SessionFacts } from './probes.ts'
import type { WebFacts } from './web-probe.ts'
import { expiring, type Mends, unreachable } from './web-verdict.ts'

export interface RegistryFacts {
  /** Base URL. */
  registry: string
  /** The answer of `/v2/`. */
  answer: WebFacts
  /** Says why a redirect of `/v2/` is not followed. */
  redirectRefusal?: string
}

export interface SeedFacts {
  registry: string
  supernode: string
  session: SessionFacts
}

const address = '--upstream or --registry'
const mends: Mends = {
  name: `mend ${address}, /etc/hosts or DNS`,
  start: `start the registry, or mend ${address}`,
  authority:
    'give its authority with --origin-ca FILE, or put it into /usr/local/share/ca-certificates/NAME.crt, run update-ca-certificates, and restart dfdaemon',
  certificate: 'give the registry another certificate',
  address,
}

/** Whether this host, and the SuperNodes for all hosts, can read each configured registry. */
export const registryCheck: Check = {
  name: 'registry',
  summary: 'each registry: name, TCP, TLS, /v2/, redirects; and whether the SuperNodes may read it',
  async run(context) {
    const { config } = context
    const upstreams = new Upstreams({ upstream: config.upstream, registries: config.registry })
    const bases = [...new Set(upstreams.configured().map(({ base }) => base))]
    const found = bases.map(async (base) => [
      ...judgeRegistry(await registryFacts(context, base)),
      ...(await Promise.all(
        config.supernode.map(async (url) => judgeSeed(await seedFacts(context, base, url))),
      )),
    ])
    return (await Promise.all(found)).flat()
  },
}

async function registryFacts(
  { config, probes }: DoctorContext,
  registry: string,
): Promise<RegistryFacts> {
  const answer = await probes.registry(`${registry}/v2/`)
  const target = answer.location === undefined ? null : URL.parse(answer.location, answer.url)
  if (target === null || target.origin === new URL(registry).origin) return { registry, answer }
  const redirectRefusal = await refusalOf(target.hostname, config.allowOrigin)
  return { registry, answer, ...(redirectRefusal === undefined ? {} : { redirectRefusal }) }
}

async function refusalOf(hostname: string, allow: readonly string[]): Promise<string | undefined> {
  const guard = createAddressGuard({ allow })
  const found = await lookup(hostname, { all: true }).catch(() => [])
  try {
    for (const { address } of found) guard.check(hostname, address)
    return undefined
  } catch (error) {
    return isAppError(error) ? error.message : String(error)
  }
}

async function seedFacts(
  { probes }: DoctorContext,
  registry: string,
  supernode: string,
): Promise<SeedFacts> {
  // A blob that cannot exist: the answer is about the way, not about the content.
  const identity: TaskIdentity = {
    kind: 'blob',
    digest: `sha256:${randomBytes(32).toString('hex')}` as Digest,
  }
  const url = `${registry}/v2/library/dragonfly-doctor/blobs/${identity.digest}`
  const join = { task: taskIdOf(identity), identity, url }
  return { registry, supernode, session: await probes.session({ url: supernode, join }) }
}

export function judgeRegistry({ registry, answer, redirectRefusal }: RegistryFacts): Finding[] {
  const obstacle = unreachable(answer, mends)
  if (obstacle !== undefined) return [obstacle]
  const { status = 0, certificate } = answer
  if (redirectRefusal !== undefined) {
    const to = new URL(answer.location ?? '', answer.url).hostname
    return [failure(`${registry} redirects: ${redirectRefusal}`, `add --allow-origin ${to}`)]
  }
  if (status !== 200 && status !== 401 && (status < 300 || status > 399)) {
    return [
      status >= 500
        ? warning(`${registry}/v2/ answers ${status}`, 'look at the log of the registry')
        : failure(
            `${registry}/v2/ answers ${status}: this is no registry`,
            `mend ${mends.address}`,
          ),
    ]
  }
  const trust = certificate === undefined ? '' : `, certificate by ${certificate.issuer}`
  return [ok(`${registry}/v2/ answers ${status}${trust}`), ...expiring(answer, mends)]
}

/** What a SuperNode says of a blob that the registry cannot have. */
export function judgeSeed({ registry, supernode, session }: SeedFacts): Finding {
  if ('error' in session) {
    return skipped(`whether ${supernode} can read ${registry}: ${session.error.message}`)
  }
  const host = new URL(registry).hostname
  const { code = '', message = '' } = session.session.failed ?? {}
  switch (code) {
    case 'ORIGIN_NOT_FOUND':
    case 'ORIGIN_UNAUTHORIZED':
    case 'ORIGIN_FORBIDDEN':
      return ok(`${registry} can be read by ${supernode}`)
    case 'ORIGIN_REFUSED':
      return failure(
        `${supernode} may not read ${registry}, so every host reads it itself: ${message}`,
        `start supernode with --allow-origin ${host}`,
      )
    case 'ORIGIN_TLS':
      return failure(
        `${supernode} does not trust ${registry}: ${message}`,
        'start supernode with --origin-ca FILE, the authority of the registry',
      )
    case 'ORIGIN_UNREACHABLE':
    case 'ORIGIN_STALLED':
      return failure(
        `${supernode} cannot reach ${registry}: ${message}`,
        `let the SuperNode's machine connect to ${host}`,
      )
    default:
      return warning(
        `${supernode} cannot read ${registry}: ${message || code}`,
        'look at the log of the SuperNode',
      )
  }
}
