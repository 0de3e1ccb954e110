import { changeByHand, checkToml, type TomlTree, treesIn } from './toml-data.ts'
import { ownHeader, quoted, TomlText } from './toml-text.ts'

/** A `registries.conf` or drop-in of it (containers-registries.conf(5), version 2), and the mirror in question. */
export interface RegistriesConf {
  file: string
  /** Absent: there is no such file. */
  text: string | undefined
  /** URL of the mirror. */
  mirror: string
}

/** The names that its entries are about. @throws AppError CONFIG_INVALID */
export function registriesIn(file: string, text: string): string[] {
  return treesIn(new TomlText(file, text).data()['registry']).map(nameOf)
}

/**
 * The text with the mirror as the first one of a registry; other mirrors and settings of that registry stay.
 * @throws AppError CONFIG_INVALID
 */
export function addMirror(conf: RegistriesConf, registry: string): string {
  const { file, text = '', mirror } = conf
  if (text.trim() === '') return newFile(mirror, registry)
  const old = new TomlText(file, text)
  const meant = old.data()
  const registries = treesIn(meant['registry'])
  // The last one counts where a name stands twice.
  const index = registries.findLastIndex((entry) => nameOf(entry) === registry)
  const entry = registries[index]
  const entryLines = ['[[registry]]', `location = ${quoted(registry)}`, ...mirrorLines(mirror)]
  const byHand = `put ${mirrorLines(mirror).join(' ')} behind its ${quoted(registry)} entry, before other mirrors`
  if (entry === undefined) {
    meant['registry'] = [...registries, { location: registry, mirror: [mirrorEntry(mirror)] }]
    const after = old.append(entryLines)
    return checkToml({ file, text: after, meant }, `add ${entryLines.join(' ')}`)
  }
  const mirrors = treesIn(entry['mirror'])
  const { location } = mirrorEntry(mirror)
  if (mirrors[0]?.['location'] === location) return text
  if (mirrors.some((one) => one['location'] === location)) {
    return addMirror({ ...conf, text: removeMirror(conf) }, registry)
  }
  entry['mirror'] = [mirrorEntry(mirror), ...mirrors]
  const first = old.table(['registry', index, 'mirror', 0])
  const header = old.table(['registry', index])
  if (header === undefined) throw changeByHand(file, byHand)
  const after = first
    ? old.insertBefore(first, mirrorLines(mirror))
    : old.insertAfter(header, mirrorLines(mirror))
  return checkToml({ file, text: after, meant }, byHand)
}

/** The same without the mirror, whatever registry has it. @throws AppError CONFIG_INVALID */
export function removeMirror({ file, text = '', mirror }: RegistriesConf): string {
  const { location } = mirrorEntry(mirror)
  const doc = new TomlText(file, text)
  const meant = doc.data()
  const registries = treesIn(meant['registry'])
  const isOurs = (entry: TomlTree) => entry['location'] === location
  const index = registries.findIndex((entry) => treesIn(entry['mirror']).some(isOurs))
  const entry = registries[index]
  if (entry === undefined) return text
  const mirrors = treesIn(entry['mirror'])
  const at = mirrors.findIndex(isOurs)
  const others = mirrors.toSpliced(at, 1)
  entry['mirror'] = others
  if (others.length === 0) delete entry['mirror']
  const after = doc.withoutTables(['registry', index, 'mirror', at])
  const byHand = `take out the mirror ${quoted(location)} of ${quoted(nameOf(entry))}`
  return removeMirror({ file, text: checkToml({ file, text: after, meant }, byHand), mirror })
}

/** Takes out an entry that says no more than its location. @throws AppError CONFIG_INVALID */
export function removeRegistryEntry(file: string, text: string, registry: string): string {
  const doc = new TomlText(file, text)
  const meant = doc.data()
  const registries = treesIn(meant['registry'])
  const index = registries.findLastIndex((entry) => nameOf(entry) === registry)
  if (Object.keys(registries[index] ?? {}).join() !== 'location') return text
  meant['registry'] = registries.toSpliced(index, 1)
  if (registries.length === 1) delete meant['registry']
  const after = doc.withoutTables(['registry', index])
  return checkToml({ file, text: after, meant }, `take out its ${quoted(registry)} entry`)
}

/** The host that a mirror's `location` names, and whether it is spoken to without TLS. */
function mirrorEntry(mirror: string): { location: string; insecure?: true } {
  const { host, protocol } = new URL(mirror)
  return { location: host, ...(protocol === 'http:' && { insecure: true }) }
}

function mirrorLines(mirror: string): string[] {
  const { location, insecure } = mirrorEntry(mirror)
  const lines = ['[[registry.mirror]]', `location = ${quoted(location)}`]
  return insecure === true ? [...lines, 'insecure = true'] : lines
}

function newFile(mirror: string, registry: string): string {
  const lines = [
    ownHeader('podman'),
    '[[registry]]',
    `location = ${quoted(registry)}`,
    ...mirrorLines(mirror),
  ]
  return `${lines.join('\n')}\n`
}

/** What an entry is about: its prefix, or its location without one. */
function nameOf(entry: TomlTree): string {
  const name = entry['prefix'] ?? entry['location']
  return typeof name === 'string' ? name : ''
}
