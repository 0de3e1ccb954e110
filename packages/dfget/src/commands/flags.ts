/** A flag of the command line; values are texts until {@link parseGetOptions} reads them. */
export interface Flag {
  name: string
  short?: string
  /** What stands for the value in the help; a flag without one is a switch. */
  value?: string
  /** May be given more than once. */
  repeats?: boolean
  group: string
  help: string
}

const content = 'What to fetch:'
const from = 'From where:'
const limits = 'Limits:'
const told = 'What is told:'

export const getFlags: readonly Flag[] = [
  {
    name: 'output',
    short: 'O',
    value: 'FILE',
    group: content,
    help: 'where the content goes; - is standard output (default: the last part of the URL, here)',
  },
  { name: 'overwrite', group: content, help: 'replace an existing file' },
  {
    name: 'digest',
    value: 'sha256:HEX',
    group: content,
    help: 'the digest the content must have; otherwise nothing is written',
  },
  {
    name: 'header',
    value: "'K: V'",
    repeats: true,
    group: content,
    help: 'sent to the origin, such as Authorization; never stored or printed',
  },
  {
    name: 'filter-query',
    value: 'NAME[,NAME]',
    repeats: true,
    group: content,
    help: 'query parameters that do not decide the content; signatures of storage services never do',
  },
  {
    name: 'tag',
    value: 'WORD',
    group: content,
    help: 'keeps downloads of one URL apart that are not the same content',
  },
  { name: 'application', value: 'WORD', group: content, help: 'likewise, for a whole application' },
  {
    name: 'daemon',
    value: 'URL',
    group: from,
    help: "this host's dfdaemon, used when it answers; none goes without (default: http://127.0.0.1:65001)",
  },
  {
    name: 'supernode',
    value: 'URL[,URL]',
    repeats: true,
    group: from,
    help: 'join the swarm as a peer of our own, at these SuperNodes',
  },
  {
    name: 'supernode-ca',
    value: 'FILE',
    group: from,
    help: 'authority (PEM) that signed the certificate of an https:// SuperNode',
  },
  {
    name: 'pattern',
    value: 'p2p|source',
    group: from,
    help: 'source: from the origin alone (default: p2p)',
  },
  {
    name: 'allow-origin',
    value: 'HOST|CIDR',
    repeats: true,
    group: from,
    help: "internal address that the URL's host may redirect to",
  },
  { name: 'cacert', value: 'FILE', group: from, help: 'authority (PEM) trusted for the origin' },
  { name: 'insecure', group: from, help: 'take any certificate of the origin' },
  {
    name: 'data-dir',
    value: 'DIR',
    group: from,
    help: 'keep the content there for later and for others (default: a folder for this download, until it is done)',
  },
  { name: 'timeout', value: 'DURATION', group: limits, help: 'for everything, such as 90s or 10m' },
  { name: 'rate-limit', value: 'RATE', group: limits, help: 'for this download, such as 10MB/s' },
  {
    name: 'total-limit',
    value: 'RATE',
    group: limits,
    help: 'for all that this process receives, and for all it sends',
  },
  { name: 'no-progress', group: told, help: 'only the summary at the end' },
  {
    name: 'json',
    group: told,
    help: 'events for programs, one JSON object per line, on standard output (standard error with -O -)',
  },
]

export const cacheFlags: readonly Flag[] = [
  {
    name: 'data-dir',
    value: 'DIR',
    group: 'Options:',
    help: 'the one to look at (default: those of all unfinished downloads)',
  },
  { name: 'all', group: 'Options:', help: 'rm: every content' },
  { name: 'json', group: 'Options:', help: 'one JSON object per content and line' },
]

const everywhere: readonly Flag[] = [
  { name: 'help', short: 'h', group: 'Options:', help: 'print this' },
  { name: 'version', group: 'Options:', help: 'print the version' },
]

/** The flags of a command, with those that every command has. */
export function withCommon(flags: readonly Flag[]): readonly Flag[] {
  return [...flags, ...everywhere]
}
