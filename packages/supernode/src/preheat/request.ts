import { createHash } from 'node:crypto'
import { configuredRegistryUrl, formatReference, parseReference } from '@df/oci'
import {
  AppError,
  type KeptPreheatRequest,
  MAX_PREHEAT_SUBJECTS,
  type PreheatRequest,
  parseHttpUrl,
  type RegistryCredentials,
  unsignedUrl,
} from '@df/proto'

/** What of a request is in memory only: never stored, logged or shown. */
export interface Secrets {
  /** By registry host. */
  credentials: Readonly<Record<string, RegistryCredentials>>
  /** For URLs. */
  headers: Readonly<Record<string, string>>
  /** URLs as given, with their signatures, by the URL without. */
  signedUrls: ReadonlyMap<string, string>
}

export interface PreparedRequest {
  kept: KeptPreheatRequest
  /** Undefined when there is nothing secret in it. */
  secrets: Secrets | undefined
  /** The same for requests that want the same, whatever their credentials. */
  key: string
}

/**
 * A request with everything written out, and its secrets apart.
 * @throws AppError REQUEST_INVALID, NAME_INVALID, DIGEST_INVALID, CONFIG_INVALID (registry URLs)
 */
export function prepareRequest(request: PreheatRequest): PreparedRequest {
  const {
    credentials = {},
    headers = {},
    images = [],
    urls = [],
    platforms = [],
    ...rest
  } = request
  const signedUrls = new Map(urls.map((url) => splitUrl(url, rest.filterQuery)))
  checkSubjects({ images, urls, digest: rest.digest })
  checkHeaders(headers)
  for (const url of Object.values(rest.registries ?? {})) configuredRegistryUrl(url)
  const kept: KeptPreheatRequest = {
    ...rest,
    ...(images.length === 0 ? {} : { images: unique(images.map(wholeReference)) }),
    ...(urls.length === 0 ? {} : { urls: [...signedUrls.keys()] }),
    ...(platforms.length === 0 || platforms.includes('all')
      ? {}
      : { platforms: unique(platforms) }),
  }
  for (const [unsigned, url] of signedUrls) if (unsigned === url) signedUrls.delete(unsigned)
  const isSecret =
    signedUrls.size + Object.keys(credentials).length + Object.keys(headers).length > 0
  return {
    kept,
    secrets: isSecret ? { credentials, headers, signedUrls } : undefined,
    key: keyOf(kept),
  }
}

function keyOf(kept: KeptPreheatRequest): string {
  return createHash('sha256')
    .update(JSON.stringify(sorted(kept)))
    .digest('hex')
}

/** With the keys of objects in order, and lists too: their order says nothing about what is wanted. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) {
    return value.map((one) => JSON.stringify(sorted(one))).toSorted((a, b) => (a < b ? -1 : 1))
  }
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, one]) => [name, sorted(one)])
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)]
}

/** With the tag that engines take when none is given. */
function wholeReference(text: string): string {
  const reference = parseReference(text)
  const { tag, digest } = reference
  return formatReference(
    tag === undefined && digest === undefined ? { ...reference, tag: 'latest' } : reference,
  )
}

function splitUrl(text: string, filterQuery: readonly string[] | undefined): [string, string] {
  const url = parseHttpUrl(text)
  if (url.username !== '' || url.password !== '') {
    throw new AppError('REQUEST_INVALID', `the URL at ${url.host} has a user name in it`, {
      hint: 'send it as a header: --header "Authorization: Basic …"',
    })
  }
  url.hash = ''
  return [unsignedUrl(url.href, filterQuery), url.href]
}

function checkSubjects({
  images,
  urls,
  digest,
}: {
  images: string[]
  urls: string[]
  digest: unknown
}) {
  const count = images.length + urls.length
  if (count === 0 || count > MAX_PREHEAT_SUBJECTS) {
    throw new AppError(
      'REQUEST_INVALID',
      `a preheat has 1 to ${MAX_PREHEAT_SUBJECTS} images and URLs, not ${count}`,
      { hint: 'name them in "images" and "urls"' },
    )
  }
  if (digest !== undefined && urls.length !== 1) {
    throw new AppError('REQUEST_INVALID', 'a digest is that of one URL', {
      hint: 'send one request for each URL with a digest',
    })
  }
}

function checkHeaders(headers: Readonly<Record<string, string>>): void {
  try {
    new Headers(headers)
  } catch {
    throw new AppError('REQUEST_INVALID', 'a header field has a wrong name or value')
  }
}
