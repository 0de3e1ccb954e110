import { expect, test } from 'vitest'
import { memoryFiles } from '../test-support/memory-files.ts'
import { planContainers } from './podman.ts'

const mirror = 'http://127.0.0.1:65001'
const folder = '/etc/containers'
const main = `${folder}/registries.conf`
const dropIn = `${folder}/registries.conf.d/50-dragonfly.conf`

function plan(
  content: Record<string, string>,
  options: { mirror?: string; registry?: string } = {},
) {
  const settings = { mirror, registry: 'docker.io', folder, ...options }
  const { files, notes } = planContainers(memoryFiles(content), settings)
  return { path: files[0]?.path, text: files[0]?.text, notes }
}

test('a drop-in says the mirror, and that it is spoken to without TLS', () => {
  expect(plan({ [main]: 'unqualified-search-registries = ["docker.io"]\n' })).toEqual({
    path: dropIn,
    text: expect.stringMatching(
      /^# Written by .*\n\[\[registry\]\]\nlocation = "docker.io"\n\[\[registry.mirror\]\]\nlocation = "127.0.0.1:65001"\ninsecure = true\n$/,
    ) as string,
    notes: [],
  })
  expect(plan({}, { mirror: 'https://mirror.lan' }).text).not.toContain('insecure')
})

test('a registry that has an entry keeps it: the mirror goes into the last file with one', () => {
  const text = '[[registry]]\nprefix = "docker.io"\nlocation = "hub.lan"\ninsecure = true\n'
  const other = `${folder}/registries.conf.d/99-hub.conf`
  expect(plan({ [main]: '[[registry]]\nlocation = "docker.io"\n', [other]: text })).toEqual({
    path: other,
    text: `${text}[[registry.mirror]]\nlocation = "127.0.0.1:65001"\ninsecure = true\n`,
    notes: [],
  })
})

test('other mirrors stay behind ours, with their comments', () => {
  const text =
    '[[registry]]\nlocation = "docker.io"\n# the old one\n[[registry.mirror]]\nlocation = "old.lan"\n'
  expect(plan({ [main]: text }).text).toBe(
    '[[registry]]\nlocation = "docker.io"\n[[registry.mirror]]\nlocation = "127.0.0.1:65001"\ninsecure = true\n' +
      '# the old one\n[[registry.mirror]]\nlocation = "old.lan"\n',
  )
})

test('an entry for a part of the registry is named, as it stays without the mirror', () => {
  const { path, notes } = plan({ [main]: '[[registry]]\nprefix = "docker.io/library"\n' })
  expect(path).toBe(dropIn)
  expect(notes).toEqual([expect.stringContaining('entry of its own for docker.io/library')])
})

test('mirrors in a list cannot be added to: the way by hand is said', () => {
  const text = '[[registry]]\nlocation = "docker.io"\nmirror = [{ location = "old.lan" }]\n'
  expect(() => plan({ [main]: text })).toThrow(
    expect.objectContaining({
      message: `${main} is written in a way that setup cannot change`,
      hint: expect.stringContaining('location = "127.0.0.1:65001"') as string,
    }),
  )
})

test('a file that is not TOML is named with the place', () => {
  expect(() => plan({ [main]: 'x = 1\n[[registry]\n' })).toThrow(
    /registries.conf is not TOML: line 2/,
  )
})
