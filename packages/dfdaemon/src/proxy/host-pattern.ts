import { isIP } from 'node:net'
import { AppError } from '@df/proto'

export interface HostAndPort {
  /** Lower case; IPv6 without brackets. */
  host: string
  port: number
}

interface HostPattern {
  /** `undefined` for a name below {@link suffix}. */
  name: string | undefined
  /** With the dot: `.lan` of `*.lan`. */
  suffix: string
  port: number | undefined
}

const label = '[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?'
const namePattern = new RegExp(`^${label}(?:\\.${label})*$`)

/** A list of hosts as configuration writes it: `HOST`, `HOST:PORT`, `*.DOMAIN`, `*`, IPv6 in brackets if with a port. */
export class HostPatterns {
  readonly #patterns: readonly HostPattern[]

  /** @throws AppError CONFIG_INVALID for an entry that is none of these */
  constructor(entries: readonly string[]) {
    this.#patterns = entries.map(readPattern)
  }

  matches({ host, port }: HostAndPort): boolean {
    return this.#patterns.some(
      (pattern) =>
        (pattern.port ?? port) === port &&
        (pattern.name === undefined ? host.endsWith(pattern.suffix) : host === pattern.name),
    )
  }
}

/** True for a name that DNS can hold, and for an IP address. */
export function isHostName(text: string): boolean {
  return isIP(text) !== 0 || (text.length <= 253 && namePattern.test(text))
}

/**
 * Reads `HOST:PORT`, IPv6 addresses in brackets; the port may be left out when there is a default for it. Undefined
 * for anything else.
 */
export function readHostAndPort(text: string, defaultPort?: number): HostAndPort | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text)
  const [, v6, name, digits] = match ?? []
  const host = (v6 ?? name ?? '').toLowerCase().replace(/\.$/, '')
  const port = digits === undefined ? defaultPort : Number(digits)
  if (port === undefined || port < 1 || port > 65_535) return undefined
  if (v6 !== undefined ? isIP(v6) !== 6 : !isHostName(host)) return undefined
  return { host, port }
}

function readPattern(entry: string): HostPattern {
  const text = entry.trim().toLowerCase()
  if (isIP(text) !== 0) return { name: text, suffix: '', port: undefined }
  const [, rest = '', digits] = /^(.*?)(?::(\d{1,5}))?$/.exec(text) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  if (rest === '*') return { name: undefined, suffix: '', port }
  if (rest.startsWith('*.') && isHostName(rest.slice(2))) {
    return { name: undefined, suffix: rest.slice(1), port }
  }
  const exact = readHostAndPort(rest, 1)
  if (exact !== undefined) return { name: exact.host, suffix: '', port }
  throw new AppError('CONFIG_INVALID', `'${entry}' is not a host`, {
    hint: 'write registry.lan, registry.lan:5000, *.lan or 10.0.0.5:5000',
  })
}
