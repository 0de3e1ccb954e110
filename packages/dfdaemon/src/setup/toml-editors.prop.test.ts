import fc from 'fast-check'
import { parse } from 'smol-toml'
import { expect, test } from 'vitest'
import { addConfigPath, addEndpoint, criRegistry, removeConfigPath } from './cri-config.ts'
import { type Entry, withoutEntry } from './entry.ts'
import { addHost, removeHost } from './hosts-toml.ts'
import { addMirror, removeMirror } from './registries-conf.ts'

const mirror = 'http://127.0.0.1:65001'
const file = '/etc/x.toml'

const eol = fc.constantFrom('\n', '\r\n')
const word = fc.stringMatching(/^[a-z][a-z0-9_]{0,8}$/)
const comment = fc.stringMatching(/^[ -~äß]{0,20}$/).map((text) => `# ${text}`)
const filler = fc.oneof(fc.constant(''), comment, fc.constant('\t# [[registry]] = "'))
const value = fc.oneof(
  fc.integer().map(String),
  fc.constantFrom('true', '1979-05-27T07:32:00Z', '0.5', '"""\n[host."x"]\n"""', "'''it's'''"),
  fc.string({ maxLength: 12 }).map((text) => JSON.stringify(text).replaceAll('\x7f', '')),
  fc.array(fc.integer(), { maxLength: 3 }).map((items) => `[${items.join(' ,\n  # in it\n ')}]`),
)
const indent = fc.constantFrom('', '  ', '\t')
const spacing = fc.constantFrom(' = ', '=', ' =  ')

/** Keys of a table, with comments and empty lines among them. */
const body = fc
  .array(fc.record({ word, value, indent, spacing, after: filler, lead: filler }), { maxLength: 4 })
  .map((pairs) =>
    pairs
      .filter((pair, index) => pairs.findIndex(({ word }) => word === pair.word) === index)
      .flatMap(({ word, value, indent, spacing, after, lead }) => [
        lead,
        `${indent}x_${word}${spacing}${value}${after.startsWith('#') ? ` ${after}` : ''}`,
      ]),
  )

function table(header: string, at: string, lines: string[], lead: string): string[] {
  return [lead, `${at}${header}${lead.startsWith('#') ? ` ${lead}` : ''}`, ...lines]
}

const registry = fc.webUrl().map((url) => new URL(url).origin)

const hostsToml = fc
  .record({
    top: body,
    hosts: fc.uniqueArray(registry, { maxLength: 3 }),
    parts: fc.array(fc.tuple(indent, body, filler), { minLength: 3, maxLength: 3 }),
    headers: fc.boolean(),
    end: filler,
    eol,
  })
  .map(({ top, hosts, parts, headers, end, eol }) =>
    [
      ...top,
      ...hosts.flatMap((url, index) => {
        const [at, lines, lead] = parts[index] ?? ['', [], '']
        return [
          ...table(`[host.${JSON.stringify(url)}]`, at, lines, lead),
          ...(headers ? table(`[host."${url}".header]`, at, [], lead) : []),
        ]
      }),
      end,
    ].join(eol),
  )

const names = fc.constantFrom('docker.io', 'quay.io', 'docker.io/library', 'registry.lan:5000')

const registriesConf = fc
  .record({
    top: body,
    entries: fc.array(
      fc.record({
        names,
        usesPrefix: fc.boolean(),
        lines: body,
        at: indent,
        lead: filler,
        mirrors: fc.array(fc.tuple(word, filler), { maxLength: 2 }),
      }),
      { maxLength: 3 },
    ),
    end: filler,
    eol,
  })
  .map(({ top, entries, end, eol }) =>
    [
      ...top,
      ...entries.flatMap(({ names, usesPrefix, lines, at, lead, mirrors }) => [
        ...table('[[registry]]', at, lines, lead),
        ...(usesPrefix
          ? [`prefix = "${names}"`, 'location = "elsewhere.lan"']
          : [`location='${names}'`]),
        ...mirrors.flatMap(([host, between]) =>
          table('[[registry.mirror]]', at, [`location = "${host}.lan"`], between),
        ),
      ]),
      end,
    ].join(eol),
  )

const criConfig = fc
  .record({
    version: fc.constantFrom(1, 2, 3),
    before: body,
    registry: fc.option(fc.record({ lines: body, path: fc.boolean(), at: indent }), {
      nil: undefined,
    }),
    plugin: body,
    other: body,
    lead: filler,
    mirrors: fc.array(names, { maxLength: 2 }).map((list) => [...new Set(list)]),
    isMultiline: fc.boolean(),
    eol,
  })
  .map(({ version, before, registry, plugin, other, lead, mirrors, isMultiline, eol }) => {
    const id = ['', 'cri', '"io.containerd.grpc.v1.cri"', "'io.containerd.cri.v1.images'"][version]
    const gap = isMultiline ? '\n    # an endpoint\n    ' : ''
    return [
      `version = ${version}`,
      ...before,
      ...table(`[plugins.${id}]`, '', plugin, lead),
      ...(registry
        ? table(
            `[plugins.${id}.registry]`,
            registry.at,
            [...registry.lines, ...(registry.path ? ['config_path = "" # none'] : [])],
            lead,
          )
        : []),
      ...mirrors.flatMap((name) =>
        table(
          `[plugins.${id}.registry.mirrors."${name}"]`,
          '  ',
          [
            `endpoint = [${gap}"https://a.lan",${gap} "https://b.lan"${isMultiline ? ' , # last\n' : ''}]`,
          ],
          lead,
        ),
      ),
      ...table('[plugins.zzz]', '', other, lead),
    ].join(eol)
  })

/** Lines of the old text that the new one lacks, or has in another order. */
function lostLines(before: string, after: string): string[] {
  const left = after.split(/\r?\n/)
  return before.split(/\r?\n/).filter((line) => {
    const at = left.indexOf(line)
    if (at < 0) return true
    left.splice(0, at + 1)
    return false
  })
}

function dataOf(text: string): unknown {
  return parse(text, { integersAsBigInt: true })
}

test('hosts.toml: the mirror goes first, no line is lost, and it comes out again', () => {
  fc.assert(
    fc.property(hostsToml, (text) => {
      fc.pre(text.trim() !== '')
      const after = addHost({ file, text, mirror }, [])
      expect(Object.keys((dataOf(after) as { host: object }).host)[0]).toBe(mirror)
      expect(lostLines(text, after)).toEqual([])
      expect(addHost({ file, text: after, mirror }, [])).toBe(after)
      expect(dataOf(removeHost({ file, text: after, mirror }))).toEqual(dataOf(text))
      expect(after.includes('"resolve"]\r\n')).toBe(text.includes('\r\n'))
    }),
  )
})

test('registries.conf: the mirror goes first, no line is lost, and it comes out again', () => {
  fc.assert(
    fc.property(registriesConf, names, (text, name) => {
      fc.pre(text.trim() !== '')
      const after = addMirror({ file, text, mirror }, name)
      const { registry } = dataOf(after) as {
        registry: { prefix?: string; location: string; mirror: { location: string }[] }[]
      }
      const entry = registry.findLast((one) => (one.prefix ?? one.location) === name)
      expect(entry?.mirror[0]?.location).toBe('127.0.0.1:65001')
      expect(lostLines(text, after)).toEqual([])
      expect(addMirror({ file, text: after, mirror }, name)).toBe(after)
      const had = registry.length === ((dataOf(text) as { registry?: [] }).registry ?? []).length
      const without = had
        ? removeMirror({ file, text: after, mirror })
        : withoutEntry(
            { kind: 'registries.conf', registry: name, created: true },
            { file, text: after, mirror },
          )
      expect(dataOf(without)).toEqual(dataOf(text))
    }),
  )
})

test('config.toml: the folder is set, no other line changes, and it comes out again', () => {
  fc.assert(
    fc.property(criConfig, (text) => {
      const after = addConfigPath(file, text, '/etc/containerd/certs.d')
      expect(criRegistry(file, after).configPaths).toEqual(['/etc/containerd/certs.d'])
      expect(lostLines(text, after).filter((line) => !line.startsWith('config_path = ""'))).toEqual(
        [],
      )
      expect(addConfigPath(file, after, '/etc/containerd/certs.d')).toBe(after)
      const without = removeConfigPath(file, after, '/etc/containerd/certs.d')
      expect(criRegistry(file, without).configPaths).toEqual([])
      expect(criRegistry(file, without).mirrors).toEqual(criRegistry(file, text).mirrors)
    }),
  )
})

test('config.toml: the mirror is the first endpoint, others stay behind it, and it comes out again', () => {
  fc.assert(
    fc.property(criConfig, names, (text, registry) => {
      const before = criRegistry(file, text).mirrors.get(registry)
      const server = 'https://registry-1.docker.io'
      const after = addEndpoint({ file, text, mirror }, { registry, server })
      const endpoints = criRegistry(file, after).mirrors.get(registry)
      expect(endpoints).toEqual([mirror, ...(before ?? [server])])
      expect(addEndpoint({ file, text: after, mirror }, { registry, server })).toBe(after)
      const created = before === undefined ? [registry] : []
      const entry: Entry = { kind: 'endpoints', registries: [registry], created }
      const without = withoutEntry(entry, { file, text: after, mirror })
      expect(criRegistry(file, without).mirrors).toEqual(criRegistry(file, text).mirrors)
    }),
  )
})
