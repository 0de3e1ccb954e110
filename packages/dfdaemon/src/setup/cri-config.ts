import { isSameUrl } from './hosts-toml.ts'
import { checkToml, setAt, type TomlTree, textsIn, treeAt } from './toml-data.ts'
import { ownHeader, quoted, TomlText, tableName } from './toml-text.ts'

/** The part about registries of a `config.toml` of containerd. */
export interface CriRegistry {
  /** Where it stands, as the version of the file wants it. */
  path: readonly string[]
  /** The file speaks of the CRI plugin at all. */
  hasPlugin: boolean
  /** Folders of `hosts.toml` files, in order. */
  configPaths: readonly string[]
  /** Endpoints by registry: the older way, which excludes the other. */
  mirrors: ReadonlyMap<string, readonly string[]>
  /** Certificates of registries are set the older way: containerd does not start with these and folders too. */
  hasTls: boolean
  /** `imports`, as written. */
  imports: readonly string[]
  /** Kubernetes cannot use this containerd. */
  isDisabled: boolean
}

const criNames = ['cri', 'io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.images']

/** @throws AppError CONFIG_INVALID */
export function criRegistry(file: string, text: string): CriRegistry {
  const data = new TomlText(file, text).data()
  const path = registryPath(Number(data['version'] ?? 1))
  const registry = treeAt(data, path) ?? {}
  const mirrors = Object.keys(treeAt(registry, ['mirrors']) ?? {}).map((host) => {
    return [host, textsIn(treeAt(registry, ['mirrors', host])?.['endpoint'])] as const
  })
  const configs = Object.values(treeAt(registry, ['configs']) ?? {})
  const configPath = registry['config_path']
  return {
    path,
    hasPlugin: treeAt(data, path.slice(0, 2)) !== undefined,
    configPaths: typeof configPath === 'string' ? configPath.split(':').filter(Boolean) : [],
    mirrors: new Map(mirrors),
    hasTls: configs.some((config) => treeAt(config, ['tls']) !== undefined),
    imports: textsIn(data['imports']),
    isDisabled: textsIn(data['disabled_plugins']).some((name) => criNames.includes(name)),
  }
}

/** A new `config.toml`, for a containerd that has none. */
export function newCriConfig(version: 2 | 3, folder: string): string {
  const lines = [
    ownHeader('containerd'),
    `version = ${version}`,
    '',
    ...registryTable(registryPath(version), folder),
  ]
  return `${lines.join('\n')}\n`
}

/** Has containerd read `hosts.toml` files below a folder. @throws AppError CONFIG_INVALID */
export function addConfigPath(file: string, text: string, folder: string): string {
  const { path } = criRegistry(file, text)
  const doc = new TomlText(file, text)
  const meant = doc.data()
  setAt(meant, [...path, 'config_path'], folder)
  const table = doc.table(path)
  const line = `config_path = ${quoted(folder)}`
  const byHand = `set ${line} in [${tableName(path)}]`
  let after: string
  if (doc.has([...path, 'config_path'])) {
    after = doc.withValue([...path, 'config_path'], quoted(folder))
  } else if (table) after = doc.insertInto(table, line)
  else after = doc.append(registryTable(path, folder))
  return checkToml({ file, text: after, meant }, byHand)
}

/** Takes `addConfigPath` back. @throws AppError CONFIG_INVALID */
export function removeConfigPath(file: string, text: string, folder: string): string {
  const { path, configPaths } = criRegistry(file, text)
  if (configPaths.join(':') !== folder) return text
  const doc = new TomlText(file, text)
  const meant = doc.data()
  delete treeAt(meant, path)?.['config_path']
  const after = doc.withoutPair([...path, 'config_path'])
  const byHand = `take config_path out of [${tableName(path)}]`
  return checkToml({ file, text: after, meant }, byHand)
}

/**
 * The mirror as the first endpoint of a registry, in the older way. A registry that had no endpoints of its own gets
 * those that counted for it until now: the ones of `*`, or `server` if containerd goes to one.
 * @throws AppError CONFIG_INVALID
 */
export function addEndpoint(
  { file, text, mirror }: { file: string; text: string; mirror: string },
  { registry, server }: { registry: string; server: string | undefined },
): string {
  const { path, mirrors } = criRegistry(file, text)
  const known = mirrors.get(registry)
  if (known?.[0] !== undefined && isSameUrl(known[0], mirror)) return text
  if (known?.some((url) => isSameUrl(url, mirror))) {
    const without = removeEndpoint({ file, text, mirror }, registry)
    return addEndpoint({ file, text: without, mirror }, { registry, server })
  }
  const doc = new TomlText(file, text)
  const meant = doc.data()
  const place = [...path, 'mirrors', registry]
  const endpoints = [
    mirror,
    ...(known ?? mirrors.get('*') ?? (server === undefined ? [] : [server])),
  ]
  setAt(meant, [...place, 'endpoint'], endpoints)
  const byHand = `put ${quoted(mirror)} first into endpoint of [${tableName(place)}]`
  const list = [...place, 'endpoint']
  const after = doc.has(list)
    ? doc.withFirstItem(list, quoted(mirror))
    : doc.append([`[${tableName(place)}]`, `  endpoint = [${endpoints.map(quoted).join(', ')}]`])
  return checkToml({ file, text: after, meant }, byHand)
}

/** Takes `addEndpoint` back, for one registry. @throws AppError CONFIG_INVALID */
export function removeEndpoint(
  { file, text, mirror }: { file: string; text: string; mirror: string },
  registry: string,
): string {
  const { path, mirrors } = criRegistry(file, text)
  const known = mirrors.get(registry) ?? []
  const at = known.findIndex((url) => isSameUrl(url, mirror))
  if (at < 0) return text
  const doc = new TomlText(file, text)
  const meant = doc.data()
  const place = [...path, 'mirrors', registry]
  setAt(meant, [...place, 'endpoint'], known.toSpliced(at, 1))
  const after = doc.withoutItem([...place, 'endpoint'], at)
  const byHand = `take ${quoted(mirror)} out of endpoint of [${tableName(place)}]`
  return checkToml({ file, text: after, meant }, byHand)
}

/** Takes out the whole entry of a registry. @throws AppError CONFIG_INVALID */
export function removeRegistry(file: string, text: string, registry: string): string {
  const { path, mirrors } = criRegistry(file, text)
  if (!mirrors.has(registry)) return text
  const doc = new TomlText(file, text)
  const place = [...path, 'mirrors', registry]
  const meant = doc.data()
  const after = doc.withoutTables(place)
  deleteAt(meant, place, new TomlText(file, after))
  return checkToml({ file, text: after, meant }, `take out [${tableName(place)}]`)
}

/** containerd's docs/cri/registry.md and docs/cri/config.md: version 1 has short names, version 3 is of containerd 2. */
function registryPath(version: number): string[] {
  if (version <= 1) return ['plugins', 'cri', 'registry']
  if (version === 2) return ['plugins', 'io.containerd.grpc.v1.cri', 'registry']
  return ['plugins', 'io.containerd.cri.v1.images', 'registry']
}

function registryTable(path: readonly string[], folder: string): string[] {
  return [`[${tableName(path)}]`, `  config_path = ${quoted(folder)}`]
}

/** Deletes a tree, and those around it that were there only because of it. */
function deleteAt(tree: TomlTree, path: readonly string[], left: TomlText): void {
  const [parentPath, key = ''] = [path.slice(0, -1), path.at(-1)]
  const parent = treeAt(tree, parentPath) ?? {}
  delete parent[key]
  if (parentPath.length === 0 || Object.keys(parent).length > 0 || left.table(parentPath)) return
  deleteAt(tree, parentPath, left)
}
