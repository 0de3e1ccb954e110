import { nearest } from '@df/kit'
import { AppError } from '@df/proto'
import { isHostName, readHostAndPort } from './host-pattern.ts'

/** How a request is answered: through the swarm, by its origin, or not at all. */
export type Way = 'swarm' | 'direct' | 'refuse'

export interface Decision {
  /** Undefined when no rule said it: what it is then depends on the request. */
  way: Way | undefined
  /** Where the request goes, after rewriting. */
  url: URL
}

interface Rule {
  pattern: RegExp
  way: Way | undefined
  /** Host and port that take the place of those of the URL. */
  host: { name: string; port: number | undefined } | undefined
  https: boolean
}

const actionNames = ['swarm', 'direct', 'refuse', 'https', 'host=']

/**
 * The operator's rules, in order; the first whose regular expression matches the URL (unanchored) decides. Each is one
 * text: `REGEXP ACTION…`, where an action is `swarm`, `direct` or `refuse`, `https` (https in place of http), or
 * `host=HOST[:PORT]` (another host in place of the URL's).
 */
export class ProxyRules {
  readonly #rules: readonly Rule[]

  /** @throws AppError CONFIG_INVALID that names the rule and what is wrong with it */
  constructor(texts: readonly string[]) {
    this.#rules = texts.map((text, index) => readRule(text, index + 1))
  }

  decide(url: URL): Decision {
    const rule = this.#rules.find(({ pattern }) => pattern.test(url.href))
    return rule === undefined
      ? { way: undefined, url }
      : { way: rule.way, url: rewritten(url, rule) }
  }
}

function rewritten(url: URL, { host, https }: Rule): URL {
  const out = new URL(url)
  if (https) out.protocol = 'https:'
  if (host !== undefined) {
    out.hostname = host.name.includes(':') ? `[${host.name}]` : host.name
    out.port = host.port === undefined ? '' : String(host.port)
  }
  return out
}

function readRule(text: string, number: number): Rule {
  const [source = '', ...actions] = text.trim().split(/\s+/)
  const refuse = (what: string, hint: string) =>
    new AppError('CONFIG_INVALID', `rule ${number} '${text.trim()}': ${what}`, { hint })
  if (actions.length === 0) {
    throw refuse(
      'has no action',
      `write REGEXP ACTION, with an action of ${actionNames.join(', ')}`,
    )
  }
  const rule: Rule = { pattern: /(?:)/, way: undefined, host: undefined, https: false }
  try {
    rule.pattern = new RegExp(source)
  } catch (error) {
    throw refuse(
      error instanceof Error ? error.message : String(error),
      'mend the regular expression; a character that is meant as itself needs a backslash in front',
    )
  }
  for (const action of actions) {
    if (action === 'swarm' || action === 'direct' || action === 'refuse') {
      if (rule.way !== undefined) throw refuse(`says both ${rule.way} and ${action}`, 'keep one')
      rule.way = action
    } else if (action === 'https') rule.https = true
    else if (action.startsWith('host=')) {
      rule.host = readHost(action.slice('host='.length))
      if (rule.host === undefined) {
        throw refuse(`'${action}' names no host`, 'write host=HOST or host=HOST:PORT')
      }
    } else {
      const meant = nearest(action, actionNames)
      throw refuse(
        `there is no action '${action}'`,
        meant === undefined ? `known are ${actionNames.join(', ')}` : `did you mean ${meant}?`,
      )
    }
  }
  if (rule.way === 'refuse' && (rule.https || rule.host !== undefined)) {
    throw refuse('rewrites what it refuses', 'keep one of both')
  }
  return rule
}

function readHost(text: string): Rule['host'] {
  if (isHostName(text)) return { name: text, port: undefined }
  const read = readHostAndPort(text)
  return read && { name: read.host, port: read.port }
}
