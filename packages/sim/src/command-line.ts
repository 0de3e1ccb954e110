import { parseArgs } from 'node:util'
import { nearest, parseDuration, parseRate, parseSize } from '@df/kit'
import { AppError } from '@df/proto'
import { defaultScenario, type Joins, type Scenario } from './scenario.ts'
import { scenarios } from './scenarios.ts'

/** What `npm run sim` is asked to do. */
export type Request =
  | { do: 'help' }
  | { do: 'list' }
  | {
      do: 'run'
      runs: { name: string; scenario: Scenario }[]
      isJson: boolean
      /** Where the picture of the only run goes. */
      timeline: string | undefined
    }
  | { do: 'replay'; path: string; isJson: boolean }

interface Flag {
  placeholder?: string
  about: string
  apply?(value: string, scenario: Scenario): void
}

const flags: Readonly<Record<string, Flag>> = {
  hosts: {
    placeholder: 'N',
    about: 'hosts (default 100)',
    apply: (v, s) => void (s.hosts = count(v)),
  },
  size: {
    placeholder: 'SIZE',
    about: 'bytes of the content (default 250MB)',
    apply: (v, s) => void (s.sizeBytes = parseSize(v)),
  },
  piece: {
    placeholder: 'SIZE',
    about: 'bytes of a piece (default: as programs cut)',
    apply: (v, s) => void (s.pieceBytes = parseSize(v)),
  },
  stripes: {
    placeholder: 'N',
    about: 'stripes (default: as programs cut)',
    apply: (v, s) => void (s.stripes = count(v)),
  },
  rate: {
    placeholder: 'RATE',
    about: "of a host's card (default 300MB/s)",
    apply: (v, s) => void (s.rateBps = parseRate(v)),
  },
  'seed-rate': {
    placeholder: 'RATE',
    about: "of the SuperNode's card (default 300MB/s)",
    apply: (v, s) => void (s.seedRateBps = parseRate(v)),
  },
  known: {
    about: 'hosts tell their rates when they come',
    apply: (_, s) => void (s.isRateKnown = true),
  },
  slow: {
    placeholder: 'SHARE:FACTOR[:known]',
    about: 'hosts with a part of the rate, such as 10%:0.5',
    apply: (v, s) => void (s.slow = slowOf(v)),
  },
  changing: {
    placeholder: 'SHARE:FACTOR:TIME',
    about: 'hosts whose rate changes on the way, such as 10%:0.5:300ms',
    apply: (v, s) => void (s.changing = changingOf(v)),
  },
  die: {
    placeholder: 'SHARE:TIME[:cut]',
    about: 'hosts that are killed, or cut off, within the time',
    apply: (v, s) => void (s.deaths = deathsOf(v)),
  },
  corrupt: {
    placeholder: 'SHARE',
    about: 'hosts that serve wrong bytes',
    apply: (v, s) => void (s.corrupt = { share: share(v) }),
  },
  joins: {
    placeholder: 'rolling:TIME|poisson:N',
    about: 'spread over a time, or N a second at random (default: all at once)',
    apply: (v, s) => void (s.joins = joinsOf(v)),
  },
  zones: {
    placeholder: 'N[:PRICE]',
    about: 'zones with a price per byte between them',
    apply: (v, s) => void (s.zones = zonesOf(v)),
  },
  seeds: {
    placeholder: 'N',
    about: 'hosts that have everything from the start',
    apply: (v, s) => void (s.seeds = count(v)),
  },
  origin: {
    placeholder: 'RATE[:TIME]',
    about: 'a cold origin: its rate and the time to its first byte',
    apply: (v, s) => void (s.origin = originOf(v)),
  },
  'supernode-loss': {
    placeholder: 'TIME:TIME',
    about: 'the SuperNode goes at a time, and is back so much later',
    apply: (v, s) => void (s.supernodeLoss = lossOf(v)),
  },
  reader: {
    placeholder: 'ascending|random:SHARE',
    about: 'a program on each host reads at this share of the rate',
    apply: (v, s) => void (s.reader = readerOf(v)),
  },
  layers: {
    placeholder: 'N',
    about: 'parts of the content that are unpacked in order: when each prefix is whole',
    apply: (v, s) => void (s.layers = count(v)),
  },
  rounds: {
    placeholder: 'N',
    about: 'contents one after another (default 1)',
    apply: (v, s) => void (s.rounds = count(v)),
  },
  seed: {
    placeholder: 'N',
    about: 'of all random choices (default 1)',
    apply: (v, s) => void (s.seed = count(v)),
  },
  scenario: {
    placeholder: 'NAME[,NAME]',
    about: 'named runs; other flags change them; `all` is all of them',
  },
  list: { about: 'the named runs' },
  replay: { placeholder: 'FILE', about: 'runs the recorded events of a SuperNode again' },
  timeline: { placeholder: 'FILE', about: 'a page with a picture of the run, for one run' },
  json: { about: 'one JSON object for each run' },
  help: { about: 'this text' },
}

/** @throws AppError CONFIG_INVALID for words that it does not understand */
export function parseCommandLine(argv: readonly string[]): Request {
  const values = parseFlags(argv)
  if (values.has('help')) return { do: 'help' }
  if (values.has('list')) return { do: 'list' }
  const isJson = values.has('json')
  const replay = values.get('replay')
  if (replay !== undefined) return { do: 'replay', path: replay, isJson }
  const runs = chosen(values.get('scenario')).map(({ name, scenario }) => {
    const changed = { ...scenario }
    for (const [flag, value] of values) flagged(flag, () => flags[flag]?.apply?.(value, changed))
    return { name, scenario: changed }
  })
  const timeline = values.get('timeline')
  if (timeline !== undefined && runs.length > 1) {
    throw wrong('--timeline is for one run', 'name one with --scenario')
  }
  return { do: 'run', runs, isJson, timeline }
}

export function helpText(): string {
  const rows = Object.entries(flags).map(([name, { placeholder, about }]) => [
    `--${name}${placeholder === undefined ? '' : ` ${placeholder}`}`,
    about,
  ])
  const width = Math.max(...rows.map(([flag = '']) => flag.length))
  return [
    'npm run sim -- [flags]',
    '',
    'Swarms in virtual time, run by the scheduler and the host rules that ship.',
    '',
    ...rows.map(([flag = '', about]) => `  ${flag.padEnd(width)}  ${about}`),
    '',
    'Examples',
    '  npm run sim -- --hosts 1000 --size 3GB --die 10%:10s',
    '  npm run sim -- --scenario slow-unknown,deaths --json',
  ].join('\n')
}

function parseFlags(argv: readonly string[]): Map<string, string> {
  const options = Object.fromEntries(
    Object.entries(flags).map(([name, { placeholder }]) => [
      name,
      { type: placeholder === undefined ? ('boolean' as const) : ('string' as const) },
    ]),
  )
  for (const word of argv) {
    const name = /^--([^=]+)/.exec(word)?.[1]
    if (name === undefined || name in flags) continue
    const near = nearest(name, Object.keys(flags))
    throw wrong(
      `--${name} is no flag of sim`,
      near === undefined ? 'see npm run sim -- --help' : `did you mean --${near}?`,
    )
  }
  try {
    const { values } = parseArgs({ args: [...argv], options })
    return new Map(Object.entries(values).map(([name, value]) => [name, String(value)]))
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : String(cause), 'see npm run sim -- --help')
  }
}

function chosen(names: string | undefined) {
  if (names === undefined) return [{ name: 'swarm', scenario: defaultScenario }]
  if (names === 'all') return scenarios
  return names.split(',').map((name) => {
    const found = scenarios.find((scenario) => scenario.name === name)
    if (found !== undefined) return found
    const near = nearest(
      name,
      scenarios.map((scenario) => scenario.name),
    )
    throw wrong(
      `--scenario: '${name}' is none`,
      near === undefined ? 'npm run sim -- --list tells them' : `did you mean ${near}?`,
    )
  })
}

/** Says which flag a value was of. */
function flagged(flag: string, apply: () => void): void {
  try {
    apply()
  } catch (cause) {
    const { message, hint } =
      cause instanceof AppError ? cause : { message: String(cause), hint: undefined }
    throw wrong(
      `--${flag}: ${message}`,
      hint ?? `write --${flag} ${flags[flag]?.placeholder ?? ''}`,
    )
  }
}

function slowOf(text: string): NonNullable<Scenario['slow']> {
  const [part, factor, known] = text.split(':')
  return { share: share(part), factor: fraction(factor), isKnown: known === 'known' }
}

function changingOf(text: string): NonNullable<Scenario['changing']> {
  const [part, factor, time = ''] = text.split(':')
  return { share: share(part), factor: fraction(factor), atMs: parseDuration(time) }
}

function deathsOf(text: string): NonNullable<Scenario['deaths']> {
  const [part, time = '', way] = text.split(':')
  return {
    share: share(part),
    withinMs: parseDuration(time),
    way: way === 'cut' ? 'cut' : 'killed',
  }
}

function joinsOf(text: string): Joins {
  const [way, value = ''] = text.split(':')
  if (way === 'rolling') return { way, overMs: parseDuration(value) }
  if (way === 'poisson') return { way, perSecond: count(value) }
  throw wrong(`'${text}' is no way to join`)
}

function zonesOf(text: string): NonNullable<Scenario['zones']> {
  const [zones, price] = text.split(':')
  return { count: count(zones), price: price === undefined ? 1 : fraction(price) }
}

function originOf(text: string): NonNullable<Scenario['origin']> {
  const [rate = '', time] = text.split(':')
  return { rateBps: parseRate(rate), firstByteMs: time === undefined ? 0 : parseDuration(time) }
}

function lossOf(text: string): NonNullable<Scenario['supernodeLoss']> {
  const [at = '', lasts = ''] = text.split(':')
  return { atMs: parseDuration(at), forMs: parseDuration(lasts) }
}

function readerOf(text: string): NonNullable<Scenario['reader']> {
  const [order, part] = text.split(':')
  if (order !== 'ascending' && order !== 'random') throw wrong(`'${text}' is no reader`)
  return { order, share: share(part) }
}

/** `10%` or `0.1`. */
function share(text = ''): number {
  const value = text.endsWith('%') ? Number(text.slice(0, -1)) / 100 : Number(text)
  if (text === '' || !(value >= 0 && value <= 1)) throw wrong(`'${text}' is no share of 0% to 100%`)
  return value
}

function fraction(text = ''): number {
  const value = Number(text)
  if (text === '' || !(value >= 0)) throw wrong(`'${text}' is no number`)
  return value
}

function count(text = ''): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value > 1e6)
    throw wrong(`'${text}' is no whole number up to a million`)
  return value
}

function wrong(message: string, hint?: string): AppError {
  return new AppError('CONFIG_INVALID', message, hint === undefined ? {} : { hint })
}
