import fc from 'fast-check'
import { expect, test } from 'vitest'
import { addRegistryMirror, removeRegistryMirror } from './daemon-json.ts'

const file = '/etc/docker/daemon.json'
const mirror = 'http://127.0.0.1:65001'

const settings = fc.record(
  {
    'log-driver': fc.string(),
    'insecure-registries': fc.array(fc.string()),
    'log-opts': fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), fc.jsonValue()),
    'registry-mirrors': fc.uniqueArray(fc.webUrl(), { maxLength: 3 }),
    'default-shm-size': fc.oneof(fc.string(), fc.integer()),
  },
  { requiredKeys: [] },
)
const text = fc
  .record({
    settings,
    indent: fc.constantFrom(undefined, 2, 4, '\t'),
    mark: fc.constantFrom('', '\uFEFF'),
    eol: fc.constantFrom('\n', '\r\n'),
    end: fc.boolean(),
  })
  .map(
    ({ settings, indent, mark, eol, end }) =>
      mark + JSON.stringify(settings, undefined, indent).replaceAll('\n', eol) + (end ? eol : ''),
  )

function read(json: string): Record<string, unknown> {
  return JSON.parse(json.replace('\uFEFF', '')) as Record<string, unknown>
}

test('the mirror goes first, everything else stays as it is and where it is, and it comes out again', () => {
  fc.assert(
    fc.property(text, (text) => {
      const before = read(text)
      const after = addRegistryMirror({ file, text, mirror })
      const mirrors = (before['registry-mirrors'] ?? []) as string[]
      expect(read(after)).toEqual({ ...before, 'registry-mirrors': [mirror, ...mirrors] })
      const keys = Object.keys(before)
      expect(Object.keys(read(after)).filter((key) => keys.includes(key))).toEqual(keys)
      expect(after.startsWith('\uFEFF')).toBe(text.startsWith('\uFEFF'))
      expect(addRegistryMirror({ file, text: after, mirror })).toBe(after)
      const { 'registry-mirrors': left, ...rest } = read(
        removeRegistryMirror({ file, text: after, mirror }),
      )
      expect({ rest, left: left ?? [] }).toEqual({
        rest: Object.fromEntries(
          Object.entries(before).filter(([key]) => key !== 'registry-mirrors'),
        ),
        left: mirrors,
      })
    }),
  )
})
