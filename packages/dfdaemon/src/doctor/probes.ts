import { getCACertificates } from 'node:tls'
import { probeSession, type SessionProbe } from '@df/dfget'
import { type AppError, type TaskId, type TaskIdentity, toAppError } from '@df/proto'
import { probeWeb, type WebFacts } from './web-probe.ts'

/** Time for one connection and its answer. */
const PROBE_MS = 3000
/** What a doctor calls itself to SuperNodes: it is no host. */
export const DOCTOR_PROGRAM = 'dfdaemon-doctor'

/** What a SuperNode says on a session: either. */
export type SessionFacts = { session: SessionProbe } | { error: AppError }

export interface SessionQuestion {
  url: string
  join?: { task: TaskId; identity: TaskIdentity; url: string }
}

/** Looks at other programs over the network. The same question is put once, however many checks have it. */
export interface Probes {
  /** A SuperNode, trusted as sessions trust it. */
  supernode(url: string): Promise<WebFacts>
  /** A registry, trusted as dfdaemon trusts it. */
  registry(url: string): Promise<WebFacts>
  /** Anything on plain HTTP. */
  plain(url: string): Promise<WebFacts>
  session(question: SessionQuestion): Promise<SessionFacts>
}

export interface ProbesOptions {
  /** PEM of the authority of the SuperNodes. */
  supernodeCa?: string | undefined
  /** PEM of the authority of registries, besides those of the system. */
  originCa?: string | undefined
  /** Of this program. */
  version: string
  signal: AbortSignal
}

export function createProbes({ supernodeCa, originCa, version, signal }: ProbesOptions): Probes {
  const known = new Map<string, Promise<unknown>>()
  const once = <T>(key: string, ask: () => Promise<T>): Promise<T> => {
    const answer = (known.get(key) as Promise<T> | undefined) ?? ask()
    known.set(key, answer)
    return answer
  }
  const web = (url: string, ca?: readonly string[]) =>
    probeWeb(url, { timeoutMs: PROBE_MS, signal, ...(ca === undefined ? {} : { ca }) })
  const askSession = async ({ url, join }: SessionQuestion): Promise<SessionFacts> => {
    try {
      const session = await probeSession({
        url,
        program: `${DOCTOR_PROGRAM}/${version}`,
        signal: AbortSignal.any([signal, AbortSignal.timeout(PROBE_MS)]),
        ...(supernodeCa === undefined ? {} : { ca: supernodeCa }),
        ...(join === undefined ? {} : { join }),
      })
      return { session }
    } catch (error) {
      return { error: toAppError(error, 'TIMEOUT') }
    }
  }
  return {
    supernode: (url) =>
      once(`supernode ${url}`, () =>
        web(url, supernodeCa === undefined ? undefined : [supernodeCa]),
      ),
    registry: (url) => once(`registry ${url}`, () => web(url, registryAuthorities(originCa))),
    plain: (url) => once(`plain ${url}`, () => web(url)),
    session: (question) =>
      once(`session ${question.url} ${question.join?.url ?? ''}`, () => askSession(question)),
  }
}

/** As kit's origin dispatcher trusts. */
function registryAuthorities(originCa: string | undefined): string[] {
  const own = originCa === undefined ? [] : [originCa]
  return [...new Set([...getCACertificates('default'), ...getCACertificates('system'), ...own])]
}
