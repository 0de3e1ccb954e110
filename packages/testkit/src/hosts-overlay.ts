import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Enclosure } from './command.ts'

export interface HostsOverlayOptions {
  directory: string
  /** Name → address, such as `registry-1.docker.io` → `127.0.0.42`. */
  names: Readonly<Record<string, string>>
  /** Authorities to trust, one file (`makeCa().bundlePath`). */
  caBundlePath?: string
}

/**
 * An enclosure whose programs see other lines in /etc/hosts and trust a test CA, in a mount namespace of their own:
 * so a local server can be docker.io, and nothing on the machine changes.
 */
export async function hostsOverlay(options: HostsOverlayOptions): Promise<Enclosure> {
  const { directory, names, caBundlePath } = options
  const path = join(directory, 'hosts')
  const lines = Object.entries(names).map(([name, address]) => `${address} ${name}\n`)
  await writeFile(path, (await readFile('/etc/hosts', 'utf8')) + lines.join(''))
  const script = 'mount --bind "$0" /etc/hosts && exec "$@"'
  return {
    command: ['unshare', '--mount', 'sh', '-c', script, path],
    env: caBundlePath === undefined ? {} : { SSL_CERT_FILE: caBundlePath },
  }
}
