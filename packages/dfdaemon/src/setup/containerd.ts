import { isIP } from 'node:net'
import { basename, dirname, isAbsolute, join } from 'node:path'
import { isLoopbackAddress } from '@df/kit'
import {
  addConfigPath,
  addEndpoint,
  type CriRegistry,
  criRegistry,
  newCriConfig,
} from './cri-config.ts'
import { addHost, certificateLines } from './hosts-toml.ts'
import type { Files, RuntimePlan, WantedFile } from './runtime-plan.ts'
import { quoted } from './toml-text.ts'

export interface ContainerdSettings {
  /** URL. */
  mirror: string
  /** Registries as containerd names them; `_default` for all others. */
  registries: readonly string[]
  /** `config.toml` */
  configFile: string
  /** Where `hosts.toml` files go unless the configuration says another place. */
  hostsFolder: string
  /** 1 or 2: what is installed, for a machine without a `config.toml`. */
  majorVersion: number
}

interface ConfigFile {
  path: string
  text: string
  cri: CriRegistry
}

/**
 * containerd knows two ways, which exclude each other: folders with a `hosts.toml` for each registry, and (up to 1.7) a
 * table of endpoints. The one in use stays in use; a machine with none gets the first.
 * @throws AppError CONFIG_INVALID
 */
export function planContainerd(files: Files, settings: ContainerdSettings): RuntimePlan {
  const configs = configFiles(files, settings.configFile)
  const isOlderWay = configs.some(({ cri }) => cri.mirrors.size > 0 || cri.hasTls)
  const plan = isOlderWay
    ? { files: [endpointsFile(configs, settings)] }
    : { files: hostsFiles(files, configs, settings) }
  return { ...plan, notes: notesOn(configs, settings, isOlderWay) }
}

function notesOn(
  configs: readonly ConfigFile[],
  { registries }: ContainerdSettings,
  isOlderWay: boolean,
): string[] {
  const disabled = configs.find(({ cri }) => cri.isDisabled)
  return [
    ...(disabled === undefined
      ? []
      : [
          `${disabled.path} disables the CRI plugin: only nerdctl and ctr --hosts-dir will use the mirror`,
        ]),
    ...(isOlderWay && registries.includes('_default')
      ? ['this containerd has endpoints in config.toml: _default is put there as "*"']
      : []),
  ]
}

/** The older way: endpoints in the last file that has some. */
function endpointsFile(configs: readonly ConfigFile[], settings: ContainerdSettings): WantedFile {
  const { mirror } = settings
  const target =
    configs.findLast(({ cri }) => cri.mirrors.size > 0) ?? configs.findLast(({ cri }) => cri.hasTls)
  if (target === undefined) throw new TypeError('there is no file with endpoints')
  const { path, cri } = target
  const registries = settings.registries.map((name) => (name === '_default' ? '*' : name))
  const text = registries.reduce((before, registry) => {
    return addEndpoint(
      { file: path, text: before, mirror },
      { registry, server: serverUrl(registry) },
    )
  }, target.text)
  const created = registries.filter((registry) => !cri.mirrors.has(registry))
  return { path, text, entry: { kind: 'endpoints', registries, created }, effect: 'restart' }
}

function hostsFiles(
  files: Files,
  configs: readonly ConfigFile[],
  settings: ContainerdSettings,
): WantedFile[] {
  const { hostsFolder, registries } = settings
  const folders = configs.findLast(({ cri }) => cri.configPaths.length > 0)?.cri.configPaths
  const hosts = registries.map((registry) =>
    hostsFile(files, { registry, folders: folders ?? [hostsFolder], mirror: settings.mirror }),
  )
  return folders === undefined ? [...hosts, configPathFile(configs, settings)] : hosts
}

function configPathFile(
  configs: readonly ConfigFile[],
  { configFile, hostsFolder: folder, majorVersion }: ContainerdSettings,
): WantedFile {
  const target = configs.findLast(({ cri }) => cri.hasPlugin) ?? configs[0]
  const text =
    target === undefined
      ? newCriConfig(majorVersion >= 2 ? 3 : 2, folder)
      : addConfigPath(target.path, target.text, folder)
  const path = target?.path ?? configFile
  return { path, text, entry: { kind: 'config_path', folder }, effect: 'restart' }
}

/** containerd takes the first folder that has one for the registry or for all (remotes/docker/config/hosts.go there). */
function hostsFile(
  files: Files,
  { registry, folders, mirror }: { registry: string; folders: readonly string[]; mirror: string },
): WantedFile {
  const own = registry.replace(/:(\d+)$/, '_$1_')
  const candidates = folders.flatMap((folder) =>
    [own, registry, '_default'].map((name) => ({ folder, name })),
  )
  const found = candidates.find(({ folder, name }) => files.list(join(folder, name)) !== undefined)
  const folder = found?.folder ?? folders[0] ?? ''
  const isForAll = found?.name === '_default' && registry !== '_default'
  const place = join(folder, isForAll ? registry : (found?.name ?? registry))
  const path = join(place, 'hosts.toml')
  // A folder of its own hides the one for all registries, so begins as a copy of it.
  const text = files.read(isForAll ? join(folder, '_default', 'hosts.toml') : path)
  const server = serverUrl(registry)
  const settings = [
    ...(server === undefined ? [] : [`server = ${quoted(server)}`]),
    ...certificateLines(place, files.list(place) ?? []),
  ]
  const after = addHost({ file: path, text, mirror }, settings)
  return { path, text: after, entry: { kind: 'hosts.toml' }, effect: 'pull' }
}

/** The file and what it imports, in the order in which they count. */
export function configFiles(
  files: Files,
  path: string,
  seen: readonly string[] = [],
): ConfigFile[] {
  const text = files.read(path)
  if (text === undefined || seen.includes(path)) return []
  const cri = criRegistry(path, text)
  const imported = cri.imports.flatMap((pattern) => {
    const absolute = isAbsolute(pattern) ? pattern : join(dirname(path), pattern)
    return matching(files, absolute).flatMap((file) => configFiles(files, file, [...seen, path]))
  })
  return [{ path, text, cri }, ...imported]
}

/** Files that a path with `*` in its last part means. */
function matching(files: Files, path: string): string[] {
  if (!path.includes('*')) return [path]
  const folder = dirname(path)
  const name = new RegExp(`^${basename(path).split('*').map(RegExp.escape).join('.*')}$`)
  const names = files.list(folder) ?? []
  return names
    .filter((one) => name.test(one))
    .sort()
    .map((one) => join(folder, one))
}

/** Where containerd goes for a registry by itself; undefined where it decides by trying. */
function serverUrl(registry: string): string | undefined {
  if (registry === 'docker.io') return 'https://registry-1.docker.io'
  if (registry === '_default' || registry === '*') return undefined
  const { hostname } = new URL(`http://${registry}`)
  const host = hostname.replace(/^\[|\]$/g, '')
  const isLocal = host === 'localhost' || (isIP(host) !== 0 && isLoopbackAddress(host))
  return isLocal ? undefined : `https://${registry}`
}
