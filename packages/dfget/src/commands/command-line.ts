import { commandFirst, nearest } from '@df/kit'
import { AppError } from '@df/proto'
import yargs from 'yargs'
import { cacheFlags, type Flag, getFlags, withCommon } from './flags.ts'
import { formatHelp } from './help.ts'
import { preheatActions, preheatFlags, preheatJobFlags } from './preheat-flags.ts'

/** A command line taken apart; nothing is interpreted yet but the command. */
export type CommandLine =
  | ({ command: 'get' | 'cache' | 'preheat' | 'preheat jobs' } & Operands)
  | { command: 'completion'; words: string[] }
  | { command: 'help'; text: string }
  | { command: 'version' }

export interface Operands {
  operands: string[]
  values: FlagValues
}

/** What was given for each flag. */
export interface FlagValues {
  has(name: string): boolean
  /** The last value given. */
  text(name: string): string | undefined
  texts(name: string): string[]
}

const getUsage = `Usage: dfget URL [-O FILE]
       dfget preheat IMAGE… | URL… | ls | show | cancel
       dfget cache ls|rm|verify
       dfget completion bash|zsh

Fetches a file through the hosts that have it already, and from its origin when that is better.`

const cacheUsage = `Usage: dfget cache ls
       dfget cache rm TASK… | --all
       dfget cache verify [TASK…]

Lists, removes or checks what downloads have stored on this host.`

const preheatUsage = `Usage: dfget preheat IMAGE… [--platform linux/amd64] [--share 50%]
       dfget preheat URL… [--label zone=a]
       dfget preheat ls | show ID | cancel ID…

Has a SuperNode fetch images and files before anybody pulls them, for itself or for hosts too, and
follows it. What begins with http:// or https:// is a URL, all else an image. Logins of docker and
podman are used as by a pull. An interrupted command leaves the preheat running.`

const preheatJobsUsage = `Usage: dfget preheat ls
       dfget preheat show ID
       dfget preheat cancel ID…

Lists preheats, shows one, or ends some; what they fetched stays.`

const getExamples = [
  ['dfget https://example.com/big.iso', 'to ./big.iso, from hosts that have it'],
  ['dfget https://example.com/a.tar -O - | tar x', 'to standard output, as it arrives'],
  [
    'dfget https://example.com/big.iso --supernode http://10.0.0.5:8002 --daemon none',
    'as a peer of its own, without a dfdaemon',
  ],
] as const

const cacheExamples = [
  ['dfget cache ls', 'what unfinished downloads have stored'],
  ['dfget cache rm --all --data-dir /srv/dfget', 'all of a folder'],
] as const

const preheatExamples = [
  ['dfget preheat registry.lan/app:1 --share 50%', 'an image, to half of the hosts'],
  [
    'dfget preheat nginx:1.27 --platform linux/amd64 --label zone=a',
    'one platform, to the hosts of a zone',
  ],
] as const

const preheatJobsExamples = [
  ['dfget preheat ls', 'all preheats, the newest first'],
  ['dfget preheat cancel 0123456789abcdef', 'end one'],
] as const

const forms = {
  get: { usage: getUsage, flags: getFlags, words: 0, examples: getExamples },
  cache: { usage: cacheUsage, flags: cacheFlags, words: 1, examples: cacheExamples },
  preheat: { usage: preheatUsage, flags: preheatFlags, words: 1, examples: preheatExamples },
  'preheat jobs': {
    usage: preheatJobsUsage,
    flags: preheatJobFlags,
    words: 1,
    examples: preheatJobsExamples,
  },
} as const

/**
 * @throws AppError USAGE for an unknown flag (naming the nearest known one) or a flag without its value
 */
export async function parseCommandLine(given: readonly string[]): Promise<CommandLine> {
  const argv = withCommandFirst(given)
  const [first, ...words] = argv
  if (first === 'completion' && !asksForHelp(words)) return { command: 'completion', words }
  const command = commandOf(argv)
  const form = forms[command]
  const flags = withCommon(form.flags)
  const parser = createParser(flags, argv.slice(form.words))
  const parsed = await parser.parseAsync()
  refuseUnknown(Object.keys(parsed), flags)
  const values = valuesOf(parsed)
  if (values.has('help')) {
    return { command: 'help', text: formatHelp({ ...form, flags }) }
  }
  if (values.has('version')) return { command: 'version' }
  return { command, operands: parsed._.map(String), values }
}

/** The words given, with the command first, and that of `preheat` behind it. */
function withCommandFirst(given: readonly string[]): readonly string[] {
  const names = ['cache', 'preheat', 'completion']
  const argv = commandFirst(given, { names, takesValue })
  if (argv[0] !== 'preheat') return argv
  return ['preheat', ...commandFirst(argv.slice(1), { names: preheatActions, takesValue })]
}

function takesValue(flag: string): boolean {
  return Object.values(forms)
    .flatMap(({ flags }) => flags)
    .some(
      ({ name, short, value }: Flag) =>
        value !== undefined && (flag === `--${name}` || flag === `-${short}`),
    )
}

function asksForHelp(words: readonly string[]): boolean {
  return words.some((word) => word === '--help' || word === '-h')
}

function commandOf([first, second]: readonly string[]): keyof typeof forms {
  if (first === 'cache') return 'cache'
  if (first !== 'preheat') return 'get'
  return preheatActions.some((action) => action === second) ? 'preheat jobs' : 'preheat'
}

function createParser(flags: readonly Flag[], argv: readonly string[]) {
  const parser = yargs([...argv])
    .parserConfiguration({
      'boolean-negation': false,
      'camel-case-expansion': false,
      'dot-notation': false,
      'greedy-arrays': false,
      'parse-numbers': false,
      'parse-positional-numbers': false,
      'strip-aliased': true,
    })
    .help(false)
    .version(false)
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      throw usage(unreadable(message ?? error?.message))
    })
  for (const flag of flags) {
    parser.option(flag.name, {
      ...(flag.short === undefined ? {} : { alias: flag.short }),
      ...(flag.value === undefined ? { boolean: true } : { string: true, requiresArg: true }),
    })
  }
  return parser
}

function refuseUnknown(given: readonly string[], flags: readonly Flag[]): void {
  const names = flags.map(({ name }) => name)
  const shorts = flags.flatMap(({ short }) => short ?? [])
  const unknown = given.find((name) => name !== '_' && name !== '$0' && !names.includes(name))
  if (unknown === undefined) return
  const similar = nearest(unknown, unknown.length === 1 ? shorts : names)
  throw usage(
    `unknown flag ${dashed(unknown)}`,
    similar === undefined ? undefined : `did you mean ${dashed(similar)}?`,
  )
}

function valuesOf(parsed: Readonly<Record<string, unknown>>): FlagValues {
  const texts = (name: string) => [parsed[name]].flat().filter((value) => typeof value === 'string')
  return {
    has(name) {
      const last = [parsed[name]].flat().at(-1)
      return last !== undefined && last !== false
    },
    text: (name) => texts(name).at(-1),
    texts,
  }
}

/** What yargs says, in our words. */
function unreadable(message = 'the command line cannot be read'): string {
  const flag = /^Not enough arguments following: (.+)$/.exec(message)?.[1]
  return flag === undefined ? message : `${dashed(flag)} needs a value`
}

function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`
}

/** A wrong command line; the hint is `dfget --help` unless there is a better one. */
export function usage(message: string, hint = 'dfget --help tells what there is'): AppError {
  return new AppError('USAGE', message, { hint })
}
