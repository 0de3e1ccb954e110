/** How a storage service signs addresses, and which query parameters (lower case) that takes. */
interface Scheme {
  /** All of them are there in a signed query. */
  marks: readonly string[]
  others: readonly string[]
  /** Epoch milliseconds, NaN or undefined when the query does not tell. */
  endsAtMs(value: (name: string) => string | undefined): number | undefined
}

/** A right to read that an address carries in its query. */
export interface QuerySignature {
  /** Parameters that make it up, lower case. */
  names: ReadonlySet<string>
  /** When it ends by its own word, epoch milliseconds; undefined when it does not say so in a known way. */
  endsAtMs: number | undefined
}

const schemes: readonly Scheme[] = [
  // AWS Signature Version 4 (S3, R2, MinIO, Ceph …): "Authenticating Requests: Using Query Parameters"
  datedScheme('x-amz-', ['algorithm', 'credential', 'security-token', 'signedheaders']),
  // Google Cloud Storage, V4 signing process
  datedScheme('x-goog-', ['algorithm', 'credential', 'signedheaders']),
  // Alibaba OSS, V4
  datedScheme('x-oss-', [
    'signature-version',
    'credential',
    'security-token',
    'additional-headers',
  ]),
  // Version 2 of S3, Google and Alibaba; CloudFront with a canned policy, then with a custom one
  expiresScheme('awsaccesskeyid', ['x-amz-security-token']),
  expiresScheme('googleaccessid', []),
  expiresScheme('ossaccesskeyid', ['security-token']),
  expiresScheme('key-pair-id', ['policy', 'hash-algorithm']),
  {
    // Azure: "Create a service SAS", "Create a user delegation SAS"
    marks: ['sig', 'sv'],
    others: 'ss srt sr st se sp sip spr si sdd skoid sktid skt ske sks skv saoid suoid scid'.split(
      ' ',
    ),
    endsAtMs: (value) => Date.parse(value('se') ?? ''),
  },
  {
    // Tencent COS
    marks: ['q-signature'],
    others: [
      ...'q-sign-algorithm q-ak q-sign-time q-key-time q-header-list q-url-param-list'.split(' '),
      'x-cos-security-token',
    ],
    endsAtMs: (value) => epochMs(value('q-sign-time')?.split(';')[1]),
  },
  {
    // OpenStack Swift, middleware tempurl
    marks: ['temp_url_sig'],
    others: ['temp_url_expires', 'temp_url_prefix', 'temp_url_ip_range'],
    endsAtMs: (value) => epochMs(value('temp_url_expires')),
  },
]

/** The signature in a query (without the question mark), of the storage services known; undefined when there is none. */
export function querySignature(query: string): QuerySignature | undefined {
  const values = new Map<string, string>()
  for (const [name, value] of new URLSearchParams(query)) values.set(name.toLowerCase(), value)
  const found = schemes.filter(({ marks }) => marks.every((mark) => values.has(mark)))
  if (found.length === 0) return undefined
  const ends = found.map((scheme) => scheme.endsAtMs((name) => values.get(name)) ?? Number.NaN)
  const endsAtMs = Math.min(...ends)
  return {
    names: new Set(found.flatMap(({ marks, others }) => [...marks, ...others])),
    endsAtMs: Number.isNaN(endsAtMs) ? undefined : endsAtMs,
  }
}

/**
 * The query (without the question mark) without its signature and without the parameters named in `more`; what stays
 * is kept byte for byte.
 */
export function unsignedQuery(query: string, more: readonly string[] = []): string {
  const dropped = querySignature(query)?.names ?? new Set()
  return query
    .split('&')
    .filter((parameter) => {
      const [name = ''] = new URLSearchParams(parameter).keys()
      return !dropped.has(name.toLowerCase()) && !more.includes(name)
    })
    .join('&')
}

/** The URL with an {@link unsignedQuery}; the same text when nothing is to be dropped. */
export function unsignedUrl(url: string, more: readonly string[] = []): string {
  const at = url.indexOf('?')
  if (at < 0) return url
  const [query = '', ...fragment] = url.slice(at + 1).split('#')
  const rest = unsignedQuery(query, more)
  if (rest === query) return url
  return [url.slice(0, at) + (rest === '' ? '' : `?${rest}`), ...fragment].join('#')
}

/** Signed on a date, for so many seconds. */
function datedScheme(prefix: string, others: readonly string[]): Scheme {
  const named = (name: string) => prefix + name
  return {
    marks: [named('signature')],
    others: ['date', 'expires', ...others].map(named),
    endsAtMs(value) {
      const date = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(value(named('date')) ?? '')
      if (date === null) return undefined
      const [year, month, day, hour, minute, second] = date.slice(1)
      const signedAtMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
      return signedAtMs + (epochMs(value(named('expires'))) ?? Number.NaN)
    },
  }
}

/** Signed by a key until a second of the epoch. */
function expiresScheme(key: string, others: readonly string[]): Scheme {
  return {
    marks: [key, 'signature'],
    others: ['expires', ...others],
    endsAtMs: (value) => epochMs(value('expires')),
  }
}

function epochMs(seconds: string | undefined): number | undefined {
  return seconds !== undefined && /^\d{1,12}$/.test(seconds) ? Number(seconds) * 1000 : undefined
}
