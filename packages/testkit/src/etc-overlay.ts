import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Enclosure } from './command.ts'

export interface EtcOverlayOptions {
  directory: string
  /** Name → address, such as `registry.test` → `127.0.0.42`: added to /etc/hosts. */
  names?: Readonly<Record<string, string>>
  /** Path below /etc → text, such as `docker/certs.d/registry.test/ca.crt`. */
  files?: Readonly<Record<string, string>>
  env?: Readonly<Record<string, string>>
}

/**
 * An enclosure whose programs see other files below /etc, in a mount namespace of their own; what they write there stays
 * in `directory`. So engines can be given authorities and names, and nothing on the machine changes.
 */
export async function etcOverlay(options: EtcOverlayOptions): Promise<Enclosure> {
  const { directory, names = {}, files = {}, env = {} } = options
  const lines = Object.entries(names).map(([name, address]) => `${address} ${name}\n`)
  const hosts = (await readFile('/etc/hosts', 'utf8')) + lines.join('')
  for (const [path, text] of Object.entries({ hosts, ...files })) {
    const target = join(directory, 'etc', path)
    await mkdir(dirname(target), { recursive: true })
    await writeFile(target, text)
  }
  return { command: ['unshare', '--mount', 'sh', '-c', script, directory], env }
}

/** Each program has a layer of its own to write to: two mounts may not share one. */
const script = `own=$(mktemp -d "$0/etc-of-XXXXXX") && mkdir "$own/upper" "$own/work" &&
mount -t overlay overlay -o "lowerdir=$0/etc:/etc,upperdir=$own/upper,workdir=$own/work" /etc && exec "$@"`
