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
  const [upper, work] = [join(directory, 'etc'), join(directory, 'etc-work')]
  await mkdir(work, { recursive: true })
  const lines = Object.entries(names).map(([name, address]) => `${address} ${name}\n`)
  const hosts = (await readFile('/etc/hosts', 'utf8')) + lines.join('')
  for (const [path, text] of Object.entries({ hosts, ...files })) {
    await mkdir(join(upper, dirname(path)), { recursive: true })
    await writeFile(join(upper, path), text)
  }
  const layers = `lowerdir=/etc,upperdir=${upper},workdir=${work}`
  const script = 'mount -t overlay overlay -o "$0" /etc && exec "$@"'
  return { command: ['unshare', '--mount', 'sh', '-c', script, layers], env }
}
