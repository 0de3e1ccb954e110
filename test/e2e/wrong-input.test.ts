import { chmod, chown, mkdir, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { type ProgramName, programCommand, run } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab } from '../support/lab.ts'

let lab: Lab
/** A folder with things in the way; commands run in it, and must leave it as it was. */
let folder: string
let taken: string
/** A folder of the user who may do little. */
let own: string

beforeAll(async () => {
  lab = await Lab.open()
  folder = await lab.folder('wrong')
  await mkdir(join(folder, 'directory'))
  await writeFile(join(folder, 'file'), 'hello\n')
  await makeClosedPlaces()
  await writeFile(join(folder, 'unknown-key.yaml'), 'lisen: 127.0.0.1:0\n')
  await writeFile(join(folder, 'syntax.yaml'), 'listen: 127.0.0.1:0\nlimits: {down: [\n')
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  lab.defer(async () => void server.close())
  const address = server.address()
  taken = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
})

afterAll(() => lab.close())

const nobody = 65_534
const asNobody = ['setpriv', '--reuid', `${nobody}`, '--regid', `${nobody}`, '--clear-groups']
const mayNotRead =
  /private\.pem' cannot be read \(EACCES\); give a PEM file that this user may read/
const mayNotWrite = /EACCES.*; choose another .*, or give this user the right to write there/

/** What is wrong, the words after the program, the exit code (docs/reference/exit-codes.md), what the line must say. */
type Row = readonly [what: string, args: string, code: number, says: RegExp]

/** TAKEN: a port in use. NEW: a data directory that there is not yet. */
const table: Readonly<Record<ProgramName, readonly Row[]>> = {
  dfdaemon: [
    ['unknown flag', '--lisen x', 2, /--lisen.*did you mean --listen/],
    ['unknown command', 'docter', 2, /docter.*did you mean dfdaemon doctor/],
    ['missing value', '--upstream', 2, /--upstream/],
    ['no address', '--listen nowhere', 2, /'nowhere'.*HOST:PORT/],
    ['no URL', '--supernode nonsense', 2, /supernode.*nonsense/],
    ['wrong unit', '--limits.down 3parsecs', 2, /3parsecs/],
    ['contradiction', '--cache.low-water 90% --cache.high-water 80%', 2, /lowWater|low-water/],
    ['bad regular expression', '--proxy.rule ([a-z --data-dir NEW', 2, /proxy\.rule/],
    ['CA without its key', '--proxy.ca-cert file --data-dir NEW', 2, /--proxy\.ca-key/],
    ['missing CA', '--supernode-ca none --data-dir NEW', 2, /--supernode-ca: .*none/],
    ['CA that is a folder', '--supernode-ca directory --data-dir NEW', 2, /directory/],
    ['missing CA of registries', '--origin-ca none --data-dir NEW', 2, /none/],
    ['port taken', '--listen TAKEN --peer-listen 127.0.0.1:0 --data-dir NEW', 2, /another program/],
    ['file in the way', '--data-dir file', 7, /file.*--data-dir/],
    ['unknown key', '--config unknown-key.yaml', 2, /unknown-key\.yaml.*lisen.*listen/],
    ['syntax of a file', '--config syntax.yaml', 2, /syntax\.yaml.*\d/],
    ['no such file', '--config none.yaml', 2, /none\.yaml/],
    ['config check of a wrong key', 'config check --config unknown-key.yaml', 2, /lisen/],
    ['config print of a wrong flag', 'config print --lisen x', 2, /--lisen/],
    ['config command', 'config chek', 2, /did you mean dfdaemon config check/],
    ['doctor: unknown check', 'doctor --only prots', 2, /prots.*did you mean ports/],
    ['doctor: unknown flag', 'doctor --jsn', 2, /--jsn.*did you mean --json/],
    ['setup: unknown engine', 'setup dokcer', 2, /dokcer.*did you mean docker/],
    ['setup: no engine', 'setup', 2, /setup/],
    ['setup: unknown flag', 'setup docker --yse', 2, /--yse.*did you mean --yes/],
    ['undo: unknown engine', 'undo podmn', 2, /podmn.*podman/],
    ['gen-ca: unknown flag', 'gen-ca --out fresh --ot x', 2, /--ot.*did you mean --out/],
    ['a folder that takes none', '--data-dir /proc/x', 7, /\/proc\/x.*--data-dir/],
    ['watchdog: wrong unit', 'watchdog --after soon', 2, /--after: 'soon'/],
    ['watchdog: unknown engine', 'watchdog dokcer', 2, /dokcer.*did you mean docker/],
    ['undo: an address with a path', 'undo --mirror http://x/path', 2, /--mirror.*http:\/\//],
    ['completion: unknown shell', 'completion zhs', 2, /zhs.*dfdaemon completion zsh/],
    ['gen-ca: file in the way', 'gen-ca --out file', 7, /file/],
  ],
  supernode: [
    ['unknown flag', '--lisen x', 2, /--lisen.*did you mean --listen/],
    ['unknown command', 'confg', 2, /confg.*config/],
    ['wrong unit', '--quota lots', 2, /lots/],
    ['a folder that takes none', '--data-dir /proc/x', 7, /\/proc\/x/],
    ['redirection to no URL', '--redirect.origin nonsense --data-dir NEW', 2, /redirect\.origin/],
    ['no such choice', '--preheat.on-push always', 2, /'always'.*off, seed, hosts/],
    ['completion without a shell', 'completion', 2, /supernode completion bash\|zsh/],
    ['port taken', '--listen TAKEN --data-dir NEW', 2, /another program/],
    ['key without certificate', '--tls-key file --data-dir NEW', 2, /--tls-cert/],
    ['missing certificate', '--tls-cert none --tls-key file --data-dir NEW', 2, /none/],
    ['missing CA', '--origin-ca none --data-dir NEW', 2, /none/],
    ['bad CIDR', '--allow-origin 10.0.0.0/99x --data-dir NEW', 2, /10\.0\.0\.0\/99x/],
    ['file in the way', '--data-dir file', 7, /file/],
    ['unknown key', '--config unknown-key.yaml', 2, /lisen.*listen/],
  ],
  dfget: [
    ['no URL', 'nonsense', 2, /nonsense/],
    ['unknown flag', 'http://127.0.0.1:9/a --ouput x', 2, /--ouput/],
    ['wrong digest', 'http://127.0.0.1:9/a --digest sha256:no', 2, /sha256:no/],
    ['wrong unit', 'http://127.0.0.1:9/a --rate-limit fast', 2, /fast/],
    ['output in a missing folder', 'http://127.0.0.1:9/a -O none/a --daemon none', 7, /none/],
    [
      'a folder that takes none',
      'http://127.0.0.1:9/a --daemon none --data-dir /proc/x',
      7,
      /\/proc\/x/,
    ],
    ['no header field', 'http://127.0.0.1:9/a --header nocolon', 2, /--header.*Name: value/],
    ['wrong duration', 'http://127.0.0.1:9/a --timeout soon', 2, /--timeout: 'soon'/],
    ['missing CA', 'http://127.0.0.1:9/a --cacert none', 2, /--cacert: 'none'/],
    ['CA that is a folder', 'http://127.0.0.1:9/a --cacert directory', 2, /--cacert: 'directory'/],
    ['no SuperNode', 'http://127.0.0.1:9/a --supernode nonsense', 2, /--supernode: 'nonsense'/],
    [
      'missing CA of a SuperNode',
      'http://127.0.0.1:9/a --supernode-ca none',
      2,
      /--supernode-ca: 'none'/,
    ],
    [
      'folder as CA of a SuperNode',
      'http://127.0.0.1:9/a --supernode-ca directory',
      2,
      /'directory'/,
    ],
    ['cache: rm of nothing', 'cache rm', 2, /cache rm/],
    ['cache: verify of no task', 'cache verify nonsense', 3, /nonsense/],
    ['completion: unknown shell', 'completion fish', 2, /'fish'.*dfget completion/],
    ['preheat of nothing', 'preheat', 2, /dfget preheat IMAGE/],
    ['preheat: wrong share', 'preheat img:1 --share 500%', 2, /--share: '500%'.*50%/],
    ['preheat: no label', 'preheat img:1 --label x', 2, /--label: 'x'.*KEY=VALUE/],
    ['preheat: no image', 'preheat UPPER', 2, /'UPPER' is not an image reference/],
    [
      'preheat: unknown flag',
      'preheat img:1 --platfrom x',
      2,
      /--platfrom.*did you mean --platform/,
    ],
    [
      'preheat: dead SuperNode',
      'preheat img:1 --supernode http://127.0.0.1:9',
      5,
      /does not answer/,
    ],
    ['cache: unknown command', 'cache sl', 2, /sl/],
  ],
}

/** OWN: a place of the user's. Files named private are root's, and nobody else may write to the folder. */
const closed: Readonly<Record<ProgramName, readonly Row[]>> = {
  dfdaemon: [
    ['CA of a SuperNode', '--supernode-ca private.pem --data-dir OWN', 2, mayNotRead],
    ['CA of registries', '--origin-ca private.pem --data-dir OWN', 2, mayNotRead],
    [
      'CA of the proxy',
      '--proxy.ca-cert private.pem --proxy.ca-key private.pem --data-dir OWN',
      2,
      mayNotRead,
    ],
    ['configuration', '--config private.yaml', 2, /private\.yaml: EACCES.*this user may read/],
    ['data directory', '--data-dir directory', 7, mayNotWrite],
    ['new data directory', '--data-dir fresh', 7, mayNotWrite],
    ['gen-ca', 'gen-ca --out directory', 7, /--out: .*directory.*\(EACCES\); choose a folder/],
    ['gen-ca, new folder', 'gen-ca --out fresh', 7, /--out: .*fresh.*\(EACCES\); choose a folder/],
    [
      'setup',
      'setup docker --yes --root machine --state-dir /state',
      7,
      /cannot write \/etc\/docker\/daemon\.json: EACCES; run it as root/,
    ],
    [
      'setup without a place for its record',
      'setup docker --yes --root machine',
      7,
      /cannot make \/var\/lib\/dragonfly\/setup: EACCES; run it as root/,
    ],
  ],
  supernode: [
    ['CA of registries', '--origin-ca private.pem --data-dir OWN', 2, mayNotRead],
    [
      'certificate',
      '--tls-cert private.pem --tls-key private.pem --data-dir OWN',
      2,
      /--tls-cert.*this user may read/,
    ],
    ['data directory', '--data-dir directory', 7, mayNotWrite],
    ['new data directory', '--data-dir fresh', 7, mayNotWrite],
  ],
  dfget: [
    ['CA of origins', 'http://127.0.0.1:9/a --cacert private.pem', 2, mayNotRead],
    ['CA of a SuperNode', 'http://127.0.0.1:9/a --supernode-ca private.pem', 2, mayNotRead],
    ['CA for a preheat', 'preheat img:1 --supernode-ca private.pem', 2, mayNotRead],
    ['output', 'http://127.0.0.1:9/a -O fresh --daemon none', 7, /no right to write in .*-O/],
    [
      'data directory',
      'http://127.0.0.1:9/a -O OWN --daemon none --data-dir directory',
      7,
      mayNotWrite,
    ],
    [
      'cache of others',
      'cache ls --data-dir private',
      7,
      /'private' may not be read \(EACCES\); run dfget as the user whose it is, or as root/,
    ],
  ],
}

describe.each(Object.entries(table))('%s', (name, rows) => {
  const program = name as ProgramName // a key of the table

  it.each(rows)('%s: %s', async (_, args, code, says) => {
    const data = join(lab.directory, `data-${program}`)
    const words = args.split(' ').map((word) => ({ TAKEN: taken, NEW: data })[word] ?? word)
    await expectRefusal([...programCommand(program), ...words], { program, code, says })
  })
})

describe.each(Object.entries(closed))('%s for a user who may not', (name, rows) => {
  const program = name as ProgramName // a key of the table

  it.each(rows)('%s: %s', async (_, args, code, says) => {
    const words = args.split(' ').map((word) => (word === 'OWN' ? join(own, program) : word))
    const command = [...asNobody, ...programCommand(program), ...words]
    await expectRefusal(command, { program, code, says })
  })
})

/** Reached by everybody; what is in it is of root, but for the place of setup's records. */
async function makeClosedPlaces(): Promise<void> {
  await chmod(lab.directory, 0o755)
  for (const name of ['private.pem', 'private.yaml']) {
    await writeFile(join(folder, name), '', { mode: 0o600 })
  }
  await mkdir(join(folder, 'private'), { mode: 0o700 })
  const docker = join(folder, 'machine/etc/docker')
  await mkdir(docker, { recursive: true })
  await writeFile(join(docker, 'daemon.json'), '{}\n')
  own = await lab.folder('own')
  await mkdir(join(folder, 'machine/state'))
  for (const path of [own, join(folder, 'machine/state')]) await chown(path, nobody, nobody)
}

/** One line that says it, the exit code, and nothing left behind. */
async function expectRefusal(
  command: readonly string[],
  { program, code, says }: { program: ProgramName; code: number; says: RegExp },
): Promise<void> {
  const before = await readdir(folder, { recursive: true })
  const result = await run(['sh', '-c', 'cd "$1"; shift; exec "$@"', 'sh', folder, ...command], {
    timeoutMs: 30_000,
  })
  // Lines of the log are JSON; what is said to people is one line, after warnings.
  const lines = result.stderr.split('\n').filter((line) => !/^($|\{|warning: )/.test(line))
  expect(lines, result.stderr).toHaveLength(1)
  expect(lines[0]).toMatch(new RegExp(`^${program}: `))
  expect(lines[0]).toMatch(says)
  expect(result.stderr).not.toMatch(/\n\s+at .*:\d+:\d+/)
  expect(result.code).toBe(code)
  expect(await readdir(folder, { recursive: true })).toEqual(before)
}
