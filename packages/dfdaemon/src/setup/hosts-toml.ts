import { changeByHand, checkToml, treeAt } from './toml-data.ts'
import { ownHeader, quoted, TomlText } from './toml-text.ts'

/** A `hosts.toml` of containerd (docs/hosts.md there), and the mirror in question. */
export interface HostsToml {
  file: string
  /** Absent: there is no such file. */
  text: string | undefined
  /** URL of the mirror. */
  mirror: string
}

/**
 * A `hosts.toml` that has the mirror first; its other hosts stay behind it. A new one begins with the lines `settings`.
 * @throws AppError CONFIG_INVALID
 */
export function addHost(hosts: HostsToml, settings: readonly string[]): string {
  const { file, text, mirror } = hosts
  if (text === undefined || text.trim() === '') return newFile(mirror, settings)
  const old = new TomlText(file, text)
  const others = treeAt(old.data(), ['host']) ?? {}
  const ours = Object.keys(others).find((url) => isSameUrl(url, mirror))
  if (ours !== undefined && Object.keys(others)[0] === ours) return text
  if (ours !== undefined) {
    return addHost({ ...hosts, text: removeHost(hosts) }, settings)
  }
  const first = old.tables.find(({ path }) => path[0] === 'host' && path.length > 1)
  const after = first
    ? old.insertBefore(first, [...tableOf(mirror), ''])
    : old.append(tableOf(mirror))
  const meant = old.data()
  meant['host'] = { [mirror]: { capabilities: ['pull', 'resolve'] }, ...others }
  const byHand = `put ${tableOf(mirror).join(' ').replace(/ +/g, ' ')} before its other hosts`
  checkToml({ file, text: after, meant }, byHand)
  // containerd tries hosts in the order of the file.
  const order = Object.keys(treeAt(new TomlText(file, after).data(), ['host']) ?? {})
  if (order[0] !== mirror) throw changeByHand(file, byHand)
  return after
}

/** The same without the mirror. @throws AppError CONFIG_INVALID */
export function removeHost({ file, text = '', mirror }: HostsToml): string {
  const old = new TomlText(file, text)
  const meant = old.data()
  const hosts = treeAt(meant, ['host']) ?? {}
  const ours = Object.keys(hosts).filter((url) => isSameUrl(url, mirror))
  if (ours.length === 0) return text
  for (const url of ours) delete hosts[url]
  if (Object.keys(hosts).length === 0) delete meant['host']
  const after = ours.reduce(
    (doc, url) => new TomlText(file, doc).withoutTables(['host', url]),
    text,
  )
  return checkToml({ file, text: after, meant }, `take out [host.${quoted(mirror)}]`)
}

/**
 * What containerd reads in a folder of a registry that has no `hosts.toml`: certificates, as docker lays them out. As it
 * reads them no more when there is one, they have to be named in it.
 */
export function certificateLines(folder: string, names: readonly string[]): string[] {
  const at = (name: string) => `${folder}/${name}`
  const authorities = names.filter((name) => name.endsWith('.crt')).map(at)
  const pairs = names
    .filter((name) => name.endsWith('.cert'))
    .map((name) => [at(name), at(name.replace(/\.cert$/, '.key'))])
  return [
    ...(authorities.length > 0 ? [`ca = ${JSON.stringify(authorities)}`] : []),
    ...(pairs.length > 0 ? [`client = ${JSON.stringify(pairs)}`] : []),
  ]
}

export function isSameUrl(one: string, other: string): boolean {
  return one.replace(/\/+$/, '').toLowerCase() === other.replace(/\/+$/, '').toLowerCase()
}

function newFile(mirror: string, settings: readonly string[]): string {
  const lines = [ownHeader('containerd'), ...settings, '', ...tableOf(mirror)]
  return `${lines.join('\n')}\n`
}

function tableOf(mirror: string): string[] {
  return [`[host.${quoted(mirror)}]`, '  capabilities = ["pull", "resolve"]']
}
