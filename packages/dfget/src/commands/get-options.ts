import { isLoopbackAddress, parseRate } from '@df/kit'
import { type Digest, parseDigest, parseHttpUrl } from '@df/proto'
import { type FlagValues, usage } from './command-line.ts'
import { listOf, read, serverUrl, timeoutOf } from './flag-values.ts'
import { headersOf } from './header-flags.ts'
import { nameFromUrl } from './output-name.ts'

/** One download, as the command line asks for it. */
export interface GetOptions {
  /** Absolute, without user info and fragment. */
  url: string
  /** For the origin; may hold credentials. */
  headers: Record<string, string>
  /** A path, or `-`. */
  output: string
  overwrite: boolean
  /** What tells contents of one URL apart; the digest is checked besides. */
  labels: { digest?: Digest; tag?: string; application?: string }
  filterQuery: string[]
  /** The dfdaemon to ask first; undefined asks none. */
  daemonUrl: string | undefined
  supernodes: string[]
  supernodeCaFile: string | undefined
  pattern: 'p2p' | 'source'
  allowOrigin: string[]
  caFile: string | undefined
  insecure: boolean
  dataDir: string | undefined
  /** No limit when undefined. */
  timeoutMs: number | undefined
  /** 0 means no limit, as everywhere. */
  rateLimitBps: number
  totalLimitBps: number
  progress: boolean
  json: boolean
}

const DEFAULT_DAEMON_URL = 'http://127.0.0.1:65001'
const MAX_WORD_CHARS = 256

/** @throws AppError USAGE, DIGEST_INVALID or REQUEST_INVALID: exit code 2, and what is wrong with which flag */
export function parseGetOptions(operands: readonly string[], values: FlagValues): GetOptions {
  const url = urlOf(operands)
  const headers = headersOf(values.texts('header'), url)
  url.username = ''
  url.password = ''
  url.hash = ''
  const options = {
    url: url.href,
    headers,
    output: values.text('output') ?? nameFromUrl(url),
    overwrite: values.has('overwrite'),
    labels: labelsOf(values),
    filterQuery: listOf(values, 'filter-query'),
    supernodes: listOf(values, 'supernode').map((text) => serverUrl('supernode', text)),
    supernodeCaFile: values.text('supernode-ca'),
    pattern: patternOf(values),
    allowOrigin: listOf(values, 'allow-origin'),
    caFile: values.text('cacert'),
    insecure: values.has('insecure'),
    dataDir: values.text('data-dir'),
    timeoutMs: timeoutOf(values),
    rateLimitBps: rateOf(values, 'rate-limit'),
    totalLimitBps: rateOf(values, 'total-limit'),
    progress: !values.has('no-progress'),
    json: values.has('json'),
  } as const
  if (options.output === '') throw usage('-O needs a file name')
  if (options.dataDir === '') throw usage('--data-dir needs a folder')
  return { ...options, daemonUrl: daemonUrlOf(values.text('daemon'), options) }
}

function urlOf(operands: readonly string[]): URL {
  const [text, ...more] = operands
  if (text === undefined) throw usage('which URL?', 'dfget URL -O FILE; dfget --help tells more')
  if (more.length > 0) throw usage(`one URL at a time, not also '${more[0]}'`)
  return parseHttpUrl(text)
}

function patternOf(values: FlagValues): 'p2p' | 'source' {
  const text = values.text('pattern') ?? 'p2p'
  if (text === 'p2p' || text === 'source') return text
  throw usage(`--pattern: '${text}' is neither p2p nor source`)
}

/**
 * The host's dfdaemon does the work unless something is asked that it cannot do (other trust in the origin's
 * certificate, no swarm), or that means a peer of our own (a data directory, SuperNodes). Named itself, it wins over the latter.
 */
function daemonUrlOf(
  given: string | undefined,
  options: Pick<GetOptions, 'pattern' | 'caFile' | 'insecure' | 'dataDir' | 'supernodes'>,
): string | undefined {
  const cannot = options.pattern === 'source' || options.caFile !== undefined || options.insecure
  if (cannot || given === '' || given === 'none') return undefined
  if (given !== undefined) return localUrl(given)
  const ownPeer = options.dataDir !== undefined || options.supernodes.length > 0
  return ownPeer ? undefined : DEFAULT_DAEMON_URL
}

/** The caller's credentials are given to the daemon, so it must be on this host. */
function localUrl(text: string): string {
  const url = serverUrl('daemon', text)
  const host = new URL(url).hostname.replace(/^\[(.*)\]$/, '$1')
  if (host === 'localhost' || isLoopbackAddress(host)) return url
  throw usage(`--daemon: '${text}' is not on this host`, 'name one such as http://127.0.0.1:65001')
}

/** What tells contents of one URL apart. @throws AppError USAGE, DIGEST_INVALID */
export function labelsOf(values: FlagValues): GetOptions['labels'] {
  const digest = values.text('digest')
  const tag = values.text('tag')
  const application = values.text('application')
  for (const [flag, text] of Object.entries({ tag, application })) {
    if (text === undefined || text.length <= MAX_WORD_CHARS) continue
    throw usage(`--${flag} is longer than ${MAX_WORD_CHARS} characters`)
  }
  return {
    ...(digest === undefined ? {} : { digest: read('digest', digest.toLowerCase(), parseDigest) }),
    ...(tag === undefined ? {} : { tag }),
    ...(application === undefined ? {} : { application }),
  }
}

function rateOf(values: FlagValues, flag: string): number {
  const text = values.text(flag)
  return text === undefined ? 0 : read(flag, text, parseRate)
}
