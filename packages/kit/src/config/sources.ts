import { readFileSync } from 'node:fs'
import { dirname, extname, resolve } from 'node:path'
import { parse as parseToml } from 'smol-toml'
import { parse as parseYaml } from 'yaml'
import { Parser } from 'yargs/helpers'
import type { ConfigDefinition, Environment } from './define.ts'
import { reservedFlags } from './define.ts'
import type { Fault } from './fault.ts'
import { nearest } from './nearest.ts'
import { type ReadResult, readNative, readTexts } from './read-value.ts'
import type { Setting } from './setting.ts'

/** Values of one source, by key, with where each stands. */
export interface SourceValues {
  values: Map<string, { value: unknown; where: string }>
  faults: Fault[]
}

type Definition = Pick<ConfigDefinition<never>, 'envPrefix' | 'settings'>

export interface Flags extends SourceValues {
  /** Words that are neither flags nor their values. */
  operands: string[]
  /** `--config`, as given. */
  configFile: string | undefined
  help: boolean
  version: boolean
}

/** Reads a command line. */
export function readFlags(
  { settings }: Pick<Definition, 'settings'>,
  argv: readonly string[],
  cwd: string,
): Flags {
  const switches = settings.filter((setting) => setting.kind === 'switch')
  const parsed = Parser(
    argv.map((word) => spellOutSwitch(word, switches)),
    {
      string: ['--config', ...settings.map((setting) => setting.flag)].map(withoutDashes),
      boolean: ['help', 'version'],
      alias: { help: ['h'] },
      configuration: {
        'boolean-negation': false,
        'camel-case-expansion': false,
        'dot-notation': false,
        'greedy-arrays': false,
        'parse-numbers': false,
        'parse-positional-numbers': false,
        'short-option-groups': false,
        'strip-aliased': true,
      },
    },
  )
  const out: Flags = {
    values: new Map(),
    faults: [],
    operands: parsed._.map(String),
    configFile: undefined,
    help: parsed['help'] === true,
    version: parsed['version'] === true,
  }
  const byFlag = new Map(settings.map((setting) => [setting.flag, setting]))
  for (const [name, given] of Object.entries(parsed)) {
    if (['_', 'help', 'version'].includes(name)) continue
    const flag = name.length === 1 ? `-${name}` : `--${name}`
    const texts = [given].flat().map(String)
    const setting = byFlag.get(flag)
    if (setting !== undefined) {
      add(out, setting, flag, readTexts(setting, texts, cwd, false))
    } else if (flag === '--config') {
      const [file = ''] = texts
      if (texts.length > 1) out.faults.push({ where: flag, what: 'is given more than once' })
      else if (file === '') out.faults.push({ where: flag, what: 'needs a value: FILE' })
      else out.configFile = file
    } else {
      out.faults.push({
        where: flag,
        what: 'there is no such flag',
        hint: suggestion(flag, [...reservedFlags, ...byFlag.keys()]),
      })
    }
  }
  return out
}

/** The operands as faults, where a command line holds flags only. */
export function strayOperands({ operands }: Pick<Flags, 'operands'>): Fault[] {
  return operands.map((word) => ({ where: word, what: 'is neither a flag nor its value' }))
}

/** Reads the variables that begin with the program's prefix. An empty one counts as absent. */
export function readEnvironment(
  definition: Definition,
  env: Environment,
  cwd: string,
): SourceValues {
  const { envPrefix, settings } = definition
  const out: SourceValues = { values: new Map(), faults: [] }
  const byName = new Map(settings.map((setting) => [setting.env, setting]))
  const byFileName = new Map(
    settings.filter((setting) => setting.secret).map((setting) => [`${setting.env}_FILE`, setting]),
  )
  for (const [name, text] of Object.entries(env)) {
    if (!name.startsWith(`${envPrefix}_`) || text === undefined || text === '') continue
    const setting = byName.get(name)
    const inFile = byFileName.get(name)
    if (setting !== undefined) {
      add(out, setting, name, readTexts(setting, [text], cwd, true))
    } else if (inFile !== undefined) {
      add(out, inFile, name, readSecretFile(inFile, resolve(cwd, text), env))
    } else if (name !== `${envPrefix}_CONFIG` && !isServiceLink(envPrefix, name)) {
      out.faults.push({
        where: name,
        what: 'there is no such setting',
        hint: suggestion(name, [`${envPrefix}_CONFIG`, ...byName.keys(), ...byFileName.keys()]),
      })
    }
  }
  return out
}

/** Reads a YAML, TOML or JSON file, told apart by extension. */
export function readConfigFile(definition: Definition, file: string): SourceValues {
  const out: SourceValues = { values: new Map(), faults: [] }
  let content: unknown
  try {
    content = parseFile(file)
  } catch (error) {
    out.faults.push({ where: file, ...readFault(error) })
    return out
  }
  // An empty YAML file holds null.
  if (content === null || content === undefined) return out
  if (!isTable(content)) {
    out.faults.push({ where: file, what: 'must hold a table of settings' })
    return out
  }
  readTable(definition.settings, content, [], file, out)
  return out
}

function readTable(
  settings: readonly Setting[],
  table: Readonly<Record<string, unknown>>,
  above: readonly string[],
  file: string,
  out: SourceValues,
): void {
  for (const [name, given] of Object.entries(table)) {
    const key = [...above, name].join('.')
    const where = `${file}: ${key}`
    const setting = settings.find((candidate) => candidate.key === key)
    const isGroup = settings.some((candidate) => candidate.key.startsWith(`${key}.`))
    if (setting !== undefined) {
      add(out, setting, where, readNative(setting, given, dirname(file)))
    } else if (isGroup && isTable(given)) {
      readTable(settings, given, [...above, name], file, out)
    } else if (isGroup) {
      out.faults.push({ where, what: 'must be a table of settings' })
    } else {
      const keys = settings.map((candidate) => candidate.key)
      out.faults.push({ where, what: 'there is no such key', hint: suggestion(key, keys) })
    }
  }
}

function parseFile(file: string): unknown {
  const text = readFileSync(file, 'utf8')
  switch (extname(file).toLowerCase()) {
    case '.yaml':
    case '.yml':
      return parseYaml(text)
    case '.toml':
      return parseToml(text)
    case '.json':
      return JSON.parse(text)
    default:
      throw new Error('the name must end in .yaml, .yml, .toml or .json')
  }
}

function readSecretFile(setting: Setting, file: string, env: Environment): ReadResult {
  if (env[setting.env])
    return { faults: [{ what: `${setting.env} is set too`, hint: 'keep one of them' }] }
  try {
    return readTexts(setting, [readFileSync(file, 'utf8').trim()], file, true)
  } catch (error) {
    return { faults: [readFault(error)] }
  }
}

/** Of an error with its lines of context, the first. */
function readFault(error: unknown): Omit<Fault, 'where'> {
  const { message, code } = error as NodeJS.ErrnoException
  const [what = ''] = message.split('\n')
  return code === 'EACCES' ? { what, hint: 'give a file that this user may read' } : { what }
}

/** Kubernetes and docker put variables of this form into every container beside a service of that name. */
function isServiceLink(envPrefix: string, name: string): boolean {
  return /^_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$/.test(
    name.slice(envPrefix.length),
  )
}

/** `--insecure` alone means true, so that the word after it is not taken for its value. */
function spellOutSwitch(word: string, switches: readonly Setting[]): string {
  return switches.some((setting) => setting.flag === word) ? `${word}=true` : word
}

function suggestion(name: string, known: readonly string[]): string {
  const meant = nearest(name, known)
  return meant === undefined ? `known are ${known.join(', ')}` : `did you mean ${meant}?`
}

function add(out: SourceValues, setting: Setting, where: string, read: ReadResult): void {
  if ('value' in read) out.values.set(setting.key, { value: read.value, where })
  else out.faults.push(...read.faults.map((fault) => ({ where, ...fault })))
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function withoutDashes(flag: string): string {
  return flag.slice(2)
}
