import { removeConfigPath, removeEndpoint, removeRegistry } from './cri-config.ts'
import { removeRegistryMirror } from './daemon-json.ts'
import { removeHost } from './hosts-toml.ts'
import { removeMirror, removeRegistryEntry } from './registries-conf.ts'
import { isOwnFile } from './toml-text.ts'

/** What setup put into a file. */
export type Entry =
  | { kind: 'daemon.json' }
  | { kind: 'hosts.toml' }
  /** The folder of the `hosts.toml` files, in containerd's `config.toml`. */
  | { kind: 'config_path'; folder: string }
  /** Endpoints of registries in the same file, `created` those of them that had no entry. */
  | { kind: 'endpoints'; registries: string[]; created: string[] }
  /** `created`: the registry had no entry. */
  | { kind: 'registries.conf'; registry: string; created: boolean }

/** A file that others have changed since. */
export interface ChangedFile {
  file: string
  text: string
  /** URL of the mirror that was put in. */
  mirror: string
}

/** The text without our entry; the same when it is not there any more. @throws AppError CONFIG_INVALID */
export function withoutEntry(entry: Entry, changed: ChangedFile): string {
  const { file, text } = changed
  switch (entry.kind) {
    case 'daemon.json':
      return removeRegistryMirror(changed)
    case 'hosts.toml':
      return removeHost(changed)
    case 'config_path':
      return removeConfigPath(file, text, entry.folder)
    case 'endpoints':
      return entry.registries.reduce((before, registry) => {
        const after = removeEndpoint({ ...changed, text: before }, registry)
        const isOurs = after !== before && entry.created.includes(registry)
        return isOurs ? removeRegistry(file, after, registry) : after
      }, text)
    case 'registries.conf': {
      const after = removeMirror(changed)
      const isOurs = after !== text && entry.created
      return isOurs ? removeRegistryEntry(file, after, entry.registry) : after
    }
  }
}

/** Whether a text says nothing but what setup itself wrote, so that a file which setup made need not stay. */
export function saysNothing({ kind }: Entry, text: string): boolean {
  if (kind === 'daemon.json') return /^\s*\{\s*\}\s*$/.test(text)
  const lines = text.split(/\r?\n/)
  return lines.every((line) => line === '' || isOwnFile(line) || /^(server|version) = /.test(line))
}
