import { homedir } from 'node:os'
import { isAbsolute, join } from 'node:path'

/**
 * Where a program keeps its files unless told otherwise: `/var/lib/dragonfly/PROGRAM` for root, else
 * `dragonfly/PROGRAM` below `XDG_DATA_HOME` (an absolute path, as the XDG base directory specification
 * demands) or `~/.local/share`.
 */
export function defaultDataDir(
  program: string,
  env: Readonly<Record<string, string | undefined>>,
  uid: number | undefined = process.getuid?.(),
): string {
  if (uid === 0) return join('/var/lib/dragonfly', program)
  const xdg = env['XDG_DATA_HOME']
  const base =
    xdg !== undefined && isAbsolute(xdg) ? xdg : join(env['HOME'] || homedir(), '.local/share')
  return join(base, 'dragonfly', program)
}
