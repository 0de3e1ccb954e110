/** One way in which a server wants to be convinced (RFC 9110 §11.3). */
export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  scheme: string
  /** Names in lower case, values without quotes and escapes; the first counts where a name is repeated. */
  parameters: ReadonlyMap<string, string>
  token68?: string
}

const maxLength = 16_384

const token = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const token68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y
const separators = /[ \t,]*/y
const spaces = /[ \t]+/y
const comma = /[ \t]*,[ \t,]*/y
const equals = /[ \t]*=[ \t]*/y
const quoted = /"(?:[^"\\]|\\.)*"/y

/**
 * Reads `WWW-Authenticate` (RFC 9110 §11.6.1): several challenges in a field or several fields, quoted strings
 * with commas and escapes, token68. Reading ends at the first thing that does not fit; what came before counts,
 * except for a challenge broken in its middle. A field over 16 KiB is not read at all.
 */
export function parseChallenges(field: string | readonly string[] | undefined): Challenge[] {
  if (field === undefined) return []
  return (typeof field === 'string' ? [field] : field).flatMap(parseField)
}

function parseField(field: string): Challenge[] {
  const challenges: Challenge[] = []
  if (field.length > maxLength) return challenges
  const scanner = new Scanner(field.trim())
  scanner.take(separators)
  while (!scanner.done) {
    const challenge = readChallenge(scanner)
    if (challenge === undefined) break
    challenges.push(challenge)
  }
  return challenges
}

/** Reads one challenge and the separators behind it; undefined when the text does not fit. */
function readChallenge(scanner: Scanner): Challenge | undefined {
  const scheme = scanner.take(token)?.toLowerCase()
  if (scheme === undefined) return undefined
  const parameters = new Map<string, string>()
  if (scanner.take(spaces) !== undefined) {
    const credentials = scanner.take(token68)
    if (credentials !== undefined) {
      scanner.take(separators)
      return { scheme, parameters, token68: credentials }
    }
    if (!scanner.at(comma) && !scanner.done && !readParameter(scanner, parameters)) return undefined
  }
  while (!scanner.done) {
    if (scanner.take(comma) === undefined) return undefined
    if (scanner.done || !isParameterNext(scanner)) break
    if (!readParameter(scanner, parameters)) return undefined
  }
  return { scheme, parameters }
}

/** After a comma: a parameter of the same challenge has `=` behind its name, the next challenge has not. */
function isParameterNext(scanner: Scanner): boolean {
  const start = scanner.position
  const isParameter = scanner.take(token) !== undefined && scanner.at(equals)
  scanner.position = start
  return isParameter
}

function readParameter(scanner: Scanner, parameters: Map<string, string>): boolean {
  const name = scanner.take(token)?.toLowerCase()
  if (name === undefined || scanner.take(equals) === undefined) return false
  const value = scanner.take(token) ?? unquote(scanner.take(quoted))
  if (value === undefined) return false
  if (!parameters.has(name)) parameters.set(name, value)
  return true
}

function unquote(text: string | undefined): string | undefined {
  return text?.slice(1, -1).replace(/\\(.)/gs, '$1')
}

/** A position in a text, and sticky patterns to go on by. */
class Scanner {
  position = 0
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  get done(): boolean {
    return this.position >= this.#text.length
  }

  at(pattern: RegExp): boolean {
    pattern.lastIndex = this.position
    return pattern.test(this.#text)
  }

  take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.position
    const text = pattern.exec(this.#text)?.[0]
    this.position += text?.length ?? 0
    return text
  }
}
