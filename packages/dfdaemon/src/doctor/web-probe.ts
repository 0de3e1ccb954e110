import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** How far a request came: resolving the name, connecting, TLS, the answer. */
export type Stage = 'name' | 'connect' | 'tls' | 'answer'

export interface ServerCertificate {
  /** Names and addresses it is for. */
  names: string
  issuer: string
  validToMs: number
  /** OpenSSL's or Node's code for why it is not trusted; undefined when it is. */
  untrusted: string | undefined
}

/** What a server was found to be. Exactly one of `status` and `failure` is there. */
export interface WebFacts {
  url: string
  status?: number
  failure?: { stage: Stage; code: string }
  certificate?: ServerCertificate
  /** Address connected to. */
  address?: string
  /** Its clock minus ours, to a second. */
  skewMs?: number
  location?: string
  /** First 4 Mi characters of the body. */
  body: string
}

export interface WebProbeOptions {
  /** PEM texts trusted; Node's own when absent. */
  ca?: readonly string[]
  timeoutMs: number
  signal: AbortSignal
}

const MAX_BODY = 4 * 1024 * 1024

/**
 * Asks a server once, without any credential, on a connection of its own. A certificate that is not trusted is told,
 * and the answer read all the same. Never throws.
 */
export async function probeWeb(url: string, options: WebProbeOptions): Promise<WebFacts> {
  const target = new URL(url)
  const isSecure = target.protocol === 'https:'
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1')
  const facts: WebFacts = { url, body: '' }
  let stage: Stage = isIP(host) === 0 ? 'name' : 'connect'
  const signal = AbortSignal.any([options.signal, AbortSignal.timeout(options.timeoutMs)])
  const { promise, resolve } = Promise.withResolvers<WebFacts>()
  const fail = (error: unknown) => {
    const code = signal.aborted ? 'TIMEOUT' : codeOf(error)
    resolve(facts.status === undefined ? { ...facts, failure: { stage, code } } : facts)
  }
  const request = (isSecure ? httpsRequest : httpRequest)(target, {
    agent: false,
    signal,
    headers: { 'user-agent': 'dfdaemon-doctor', accept: '*/*' },
    ...(isSecure && { rejectUnauthorized: false, ca: options.ca && [...options.ca] }),
  })
  request.on('socket', (socket: Socket) => {
    socket.on('lookup', (error: Error | null) => {
      if (error === null) stage = 'connect'
    })
    socket.on('connect', () => {
      stage = isSecure ? 'tls' : 'answer'
      if (socket.remoteAddress !== undefined) facts.address = socket.remoteAddress
    })
    socket.on('secureConnect', () => {
      stage = 'answer'
      if (socket instanceof TLSSocket) facts.certificate = certificateOf(socket)
    })
  })
  request.on('error', fail)
  request.on('response', (response) => {
    readHead(facts, response)
    response.setEncoding('utf8')
    response.on('data', (text: string) => {
      facts.body += text
      if (facts.body.length > MAX_BODY) response.destroy()
    })
    response.on('error', fail)
    response.on('close', () => resolve(facts))
  })
  request.end()
  try {
    return await promise
  } finally {
    request.destroy()
  }
}

function readHead(facts: WebFacts, { statusCode, headers }: IncomingMessage): void {
  facts.status = statusCode ?? 0
  if (headers.location !== undefined) facts.location = headers.location
  const dateMs = Date.parse(headers.date ?? '')
  // The field has whole seconds: the middle of its second is the best guess.
  if (!Number.isNaN(dateMs)) facts.skewMs = dateMs + 500 - Date.now()
}

function certificateOf(socket: TLSSocket): ServerCertificate {
  const { subject, issuer, subjectaltname, valid_to: validTo } = socket.getPeerCertificate()
  const alternatives = subjectaltname?.replaceAll(/(DNS|IP Address):/g, '')
  return {
    names: shortened(alternatives ?? nameOf(subject)),
    issuer: nameOf(issuer),
    validToMs: Date.parse(validTo),
    // Node's declaration says Error; it is the code.
    untrusted: socket.authorized ? undefined : String(socket.authorizationError),
  }
}

function nameOf(name: { CN?: string | string[]; O?: string | string[] } | undefined): string {
  return [name?.CN ?? name?.O ?? 'unknown'].flat().join(' ')
}

/** Of the names of a large certificate, the first ones. */
function shortened(names: string): string {
  return names.length <= 120 ? names : `${names.slice(0, 120).replace(/,[^,]*$/, '')} …`
}

function codeOf(error: unknown): string {
  if (error instanceof AggregateError) return codeOf(error.errors[0])
  if (!(error instanceof Error)) return String(error)
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message
}
