import { type Cidr, inCidr, parseCidr, parseIp } from '@df/kit'
import { AppError } from '@df/proto'
import { type HostAndPort, isHostName } from './host-pattern.ts'

interface Entry {
  /** Name without a dot in front. */
  name: string | undefined
  /** Whether the name itself is meant, or only what is below it. */
  itself: boolean
  net: Cidr | undefined
  port: number | undefined
}

/**
 * Targets in the words of NO_PROXY, as Go programs (docker, containerd) read them: `host` with all below it, `.domain`
 * and `*.domain` for what is below only, addresses, CIDRs, each with `:port` if wished, and `*` for everything. Names
 * are not resolved.
 */
export class NoProxy {
  readonly #entries: readonly Entry[]

  /** @throws AppError CONFIG_INVALID for an entry that is none of these */
  constructor(texts: readonly string[]) {
    this.#entries = texts.map(readEntry)
  }

  matches({ host, port }: HostAndPort): boolean {
    const ip = parseIp(host)
    return this.#entries.some((entry) => {
      if ((entry.port ?? port) !== port) return false
      if (entry.net !== undefined) return ip !== undefined && inCidr(ip, entry.net)
      if (entry.name === undefined) return true
      if (ip !== undefined) return false
      return (entry.itself && host === entry.name) || host.endsWith(`.${entry.name}`)
    })
  }
}

function readEntry(text: string): Entry {
  const entry = text.trim().toLowerCase()
  const whole = parseCidr(entry.replace(/^\[(.*)\]$/, '$1'))
  if (whole !== undefined) return { name: undefined, itself: true, net: whole, port: undefined }
  const [, rest = '', digits] = /^(.*?)(?::(\d{1,5}))?$/.exec(entry) ?? []
  const port = digits === undefined ? undefined : Number(digits)
  if (rest === '*') return { name: undefined, itself: true, net: undefined, port }
  const net = parseCidr(rest.replace(/^\[(.*)\]$/, '$1'))
  if (net !== undefined) return { name: undefined, itself: true, net, port }
  const name = rest.replace(/^\*?\./, '').replace(/\.$/, '')
  if (isHostName(name))
    return { name, itself: name.length === rest.replace(/\.$/, '').length, net, port }
  throw new AppError('CONFIG_INVALID', `'${text}' is not a target as NO_PROXY has them`, {
    hint: 'write host, .domain, *.domain, 10.0.0.0/8, host:port or *',
  })
}
