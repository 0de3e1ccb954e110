import { type ImageReference, parseReference } from '@df/oci'
import {
  AppError,
  type HostId,
  isHostId,
  LabelsSchema,
  MAX_PREHEAT_SUBJECTS,
  type PreheatHosts,
  type PreheatRequest,
  parseHttpUrl,
  unsignedUrl,
} from '@df/proto'
import { Compile } from 'typebox/compile'
import { type FlagValues, type Operands, usage } from './command-line.ts'
import { listOf, serverUrl, timeoutOf } from './flag-values.ts'
import { labelsOf } from './get-options.ts'
import { headersOf } from './header-flags.ts'
import { preheatActions } from './preheat-flags.ts'

/** Which SuperNode is asked, and how. */
export interface SupernodeOptions {
  supernodeUrl: string
  supernodeCaFile: string | undefined
  operatorTokenFile: string | undefined
  json: boolean
}

/** What `dfget preheat` is asked to order. */
export interface PreheatOptions extends SupernodeOptions {
  /** All of the request but the registries' credentials. */
  request: PreheatRequest
  images: ImageReference[]
  /** Whether headers or a URL's query are secrets. */
  hasUrlCredentials: boolean
  /** For the one registry of the images; its password comes from standard input. */
  username: string | undefined
  wait: boolean
  timeoutMs: number | undefined
  progress: boolean
}

/** What is to be done with preheats that were ordered. */
export interface PreheatJobsOptions extends SupernodeOptions {
  action: (typeof preheatActions)[number]
  ids: string[]
}

const DEFAULT_SUPERNODE_URL = 'http://127.0.0.1:8002'
const platformForm = /^(all|[a-z0-9_.-]+\/[a-z0-9_.-]+(\/[a-z0-9_.-]+)?)$/
const idForm = /^[0-9a-f]{16}$/
const labels = Compile(LabelsSchema)

/** @throws AppError USAGE, NAME_INVALID, DIGEST_INVALID or REQUEST_INVALID: exit code 2, and what is wrong with which flag */
export function parsePreheatOptions({ operands, values }: Operands): PreheatOptions {
  const { images, urls } = subjectsOf(operands)
  const username = usernameOf(values, images)
  const headers = urlHeaders(values, urls)
  for (const url of urls) {
    url.username = ''
    url.password = ''
    url.hash = ''
  }
  const filterQuery = listOf(values, 'filter-query')
  const hosts = hostsOf(values)
  const platforms = platformsOf(values)
  const registries = registriesOf(values)
  return {
    ...supernodeOptions(values),
    request: {
      ...(images.length === 0 ? {} : { images: images.map(({ text }) => text) }),
      ...(urls.length === 0 ? {} : { urls: urls.map(({ href }) => href) }),
      ...(platforms.length === 0 ? {} : { platforms }),
      ...(values.has('referrers') ? { referrers: true } : {}),
      ...(hosts === undefined ? {} : { hosts }),
      ...(registries.size === 0 ? {} : { registries: Object.fromEntries(registries) }),
      ...urlLabels(values, urls),
      ...(filterQuery.length === 0 ? {} : { filterQuery }),
      ...(Object.keys(headers).length === 0 ? {} : { headers }),
    },
    images: images.map(({ reference }) => reference),
    hasUrlCredentials: isSecret(headers, urls, filterQuery),
    username,
    wait: !values.has('no-wait'),
    timeoutMs: timeoutOf(values),
    progress: !values.has('no-progress'),
  }
}

/** @throws AppError USAGE */
export function parsePreheatJobsOptions({ operands, values }: Operands): PreheatJobsOptions {
  const [word, ...ids] = operands
  const action = preheatActions.find((known) => known === word)
  if (action === undefined) throw usage(`dfget preheat ${word ?? ''}: what?`)
  const wrong = ids.find((id) => !idForm.test(id))
  if (wrong !== undefined) {
    throw usage(`'${wrong}' is not the id of a preheat`, 'dfget preheat ls tells the ids')
  }
  if (action === 'ls' && ids.length > 0) throw usage('dfget preheat ls takes no id')
  if (action === 'show' && ids.length !== 1) throw usage('dfget preheat show takes one id')
  if (action === 'cancel' && ids.length === 0) throw usage('dfget preheat cancel: which?')
  return { ...supernodeOptions(values), action, ids }
}

function supernodeOptions(values: FlagValues): SupernodeOptions {
  return {
    supernodeUrl: serverUrl('supernode', values.text('supernode') ?? DEFAULT_SUPERNODE_URL),
    supernodeCaFile: values.text('supernode-ca'),
    operatorTokenFile: values.text('operator-token-file'),
    json: values.has('json'),
  }
}

interface Subjects {
  images: { text: string; reference: ImageReference }[]
  urls: URL[]
}

function subjectsOf(operands: readonly string[]): Subjects {
  if (operands.length === 0) {
    throw usage('which images or URLs?', 'dfget preheat IMAGE…; dfget preheat --help tells more')
  }
  if (operands.length > MAX_PREHEAT_SUBJECTS) {
    throw usage(`more than ${MAX_PREHEAT_SUBJECTS} images and URLs`, 'order them in several parts')
  }
  const urls = operands.filter((text) => text.includes('://')).map((text) => parseHttpUrl(text))
  const images = operands
    .filter((text) => !text.includes('://'))
    .map((text) => ({ text, reference: parseReference(text) }))
  return { images, urls }
}

/** One set of headers goes to all URLs: so with secrets in it they must be of one origin. */
function urlHeaders(values: FlagValues, urls: readonly URL[]): Record<string, string> {
  const given = values.texts('header')
  const [first] = urls
  if (first === undefined) {
    if (given.length === 0) return {}
    throw usage(
      '--header is for URLs',
      'images take --username, or the logins of docker and podman',
    )
  }
  if (
    urls.length > 1 &&
    urls.some(({ username, password }) => username !== '' || password !== '')
  ) {
    throw usage('several URLs, one with a user name', 'give it with --header, or one URL at a time')
  }
  const isOneOrigin = urls.every(({ origin }) => origin === first.origin)
  if (given.length > 0 && !isOneOrigin) {
    throw usage('--header with URLs of several hosts', 'order the URLs of one host at a time')
  }
  return headersOf(given, first)
}

function urlLabels(values: FlagValues, urls: readonly URL[]) {
  const found = labelsOf(values)
  const [flag] = Object.keys(found)
  if (flag !== undefined && urls.length === 0) throw usage(`--${flag} is for URLs`)
  if (found.digest !== undefined && urls.length > 1) throw usage('--digest is for a single URL')
  return found
}

function isSecret(
  headers: Readonly<Record<string, string>>,
  urls: readonly URL[],
  filterQuery: readonly string[],
): boolean {
  const isSigned = ({ href }: URL) => unsignedUrl(href, filterQuery) !== href
  return Object.keys(headers).length > 0 || urls.some(isSigned)
}

/** Undefined: the SuperNode alone. */
function hostsOf(values: FlagValues): PreheatHosts | undefined {
  const pairs = pairsOf(values, 'label')
  const names = listOf(values, 'host').map((text): HostId => {
    if (isHostId(text)) return text
    throw usage(`--host: '${text}' is not the id of a host`, 'it has 32 hex digits')
  })
  const share = shareOf(values)
  if (pairs.size === 0 && names.length === 0 && share === undefined) return undefined
  const wanted = Object.fromEntries(pairs)
  if (!labels.Check(wanted)) {
    throw usage(
      '--label: keys and values are at most 63 letters, digits and -_./',
      'write it as --label zone=a',
    )
  }
  return {
    ...(pairs.size === 0 ? {} : { labels: wanted }),
    ...(names.length === 0 ? {} : { names }),
    ...(share === undefined ? {} : { share }),
  }
}

function shareOf(values: FlagValues): number | undefined {
  const text = values.text('share')
  if (text === undefined) return undefined
  const percent = Number(/^(\d{1,3}(?:\.\d+)?)%$/.exec(text)?.[1])
  if (percent > 0 && percent <= 100) return percent / 100
  throw usage(`--share: '${text}' is not a share of the hosts`, 'write it as 50%')
}

function platformsOf(values: FlagValues): string[] {
  const platforms = listOf(values, 'platform').map((text) => text.toLowerCase())
  const wrong = platforms.find((text) => !platformForm.test(text))
  if (wrong === undefined) return platforms
  throw usage(`--platform: '${wrong}' is not a platform`, 'write it as linux/amd64, or all')
}

function registriesOf(values: FlagValues): Map<string, string> {
  const pairs = pairsOf(values, 'registry')
  return new Map([...pairs].map(([host, url]) => [host, serverUrl('registry', url)]))
}

function pairsOf(values: FlagValues, flag: string): Map<string, string> {
  const pairs = new Map<string, string>()
  for (const text of listOf(values, flag)) {
    const [, key, value = ''] = /^([^=]+)=(.*)$/.exec(text) ?? []
    if (key === undefined) throw usage(`--${flag}: '${text}' is not KEY=VALUE`)
    if (pairs.has(key) && pairs.get(key) !== value) throw usage(`--${flag}: two values for ${key}`)
    pairs.set(key, value)
  }
  return pairs
}

function usernameOf(values: FlagValues, images: Subjects['images']): string | undefined {
  const username = values.text('username')
  if ((username !== undefined) !== values.has('password-stdin')) {
    throw usage('--username and --password-stdin belong together')
  }
  if (username === undefined) return undefined
  const registries = new Set(images.map(({ reference }) => reference.registry))
  if (registries.size === 1) return username
  throw new AppError(
    'USAGE',
    registries.size === 0 ? '--username is for images' : '--username with several registries',
    { hint: 'order the images of one registry at a time; URLs take --header' },
  )
}
