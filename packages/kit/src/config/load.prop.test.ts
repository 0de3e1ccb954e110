import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { type Static, Type } from 'typebox'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { defineConfig } from './define.ts'
import { loadConfig } from './load.ts'
import { fileForm, printConfig } from './print.ts'

const schema = Type.Object({
  name: Type.String({ description: 'd', default: 'x' }),
  choice: Type.Union([Type.Literal('red'), Type.Literal('green')], {
    description: 'd',
    default: 'red',
  }),
  on: Type.Boolean({ description: 'd' }),
  hosts: Type.Array(Type.String(), { description: 'd' }),
  map: Type.Record(Type.String(), Type.String(), { description: 'd' }),
  deep: Type.Object({
    size: Type.Integer({ description: 'd', unit: 'bytes', default: 0 }),
    rate: Type.Integer({ description: 'd', unit: 'bps', default: 0 }),
    pause: Type.Integer({ description: 'd', unit: 'duration', default: 0 }),
    share: Type.Number({ description: 'd', unit: 'percent', default: 0 }),
    count: Type.Optional(Type.Integer({ description: 'd' })),
    deeper: Type.Object({ note: Type.Optional(Type.String({ description: 'd' })) }),
  }),
})
const definition = defineConfig({ program: 'propd', envPrefix: 'PROPD', schema })
type Config = Static<typeof schema> & { logLevel: 'debug' | 'warn' }

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'kit-config-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function load(argv: string[], env: Record<string, string>, yaml: string) {
  const file = join(folder, 'config.yaml')
  writeFileSync(file, yaml)
  return loadConfig(definition, { argv: ['--config', file, ...argv], env, cwd: '/' }).config
}

const text = fc.string({ unit: 'grapheme', maxLength: 20 })
const config: fc.Arbitrary<Config> = fc.record({
  name: text,
  choice: fc.constantFrom('red' as const, 'green' as const),
  on: fc.boolean(),
  hosts: fc.array(text, { maxLength: 4 }),
  map: fc.dictionary(text, text, { maxKeys: 4, noNullPrototype: true }),
  logLevel: fc.constantFrom('debug' as const, 'warn' as const),
  deep: fc.record(
    {
      size: fc.maxSafeNat(),
      rate: fc.nat(),
      pause: fc.nat(),
      share: fc.nat(100),
      count: fc.integer(),
      deeper: fc.record({ note: text }, { requiredKeys: [] }),
    },
    { requiredKeys: ['size', 'rate', 'pause', 'share', 'deeper'] },
  ),
})

test('a printed configuration loads to the same configuration', () => {
  fc.assert(
    fc.property(config, (wanted) => {
      expect(load([], {}, printConfig(definition, wanted as never))).toEqual(wanted)
    }),
  )
})

/** Texts that mean themselves on a command line and in the environment. */
const plain = fc.stringMatching(/^[a-z0-9./:-]{1,10}$/).filter((word) => !word.startsWith('-'))
const given: Record<string, fc.Arbitrary<string>> = {
  name: plain,
  choice: fc.constantFrom('red', 'green'),
  on: fc.constantFrom('true', 'false'),
  hosts: fc.array(plain, { minLength: 1, maxLength: 3 }).map((words) => words.join(',')),
  map: plain.map((word) => `key=${word}`),
  'deep.size': fc.nat(9999).map((count) => `${count}KiB`),
  'deep.count': fc.integer().map(String),
  'deep.deeper.note': plain,
}
const settings = definition.settings.filter((setting) => setting.key in given)
/** For each setting, its text at each of the levels file, environment, flag, where present. */
const levels = fc.record(
  Object.fromEntries(
    Object.entries(given).map(([key, value]) => [
      key,
      fc.tuple(...[value, value, value].map((level) => fc.option(level, { nil: undefined }))),
    ]),
  ),
)

test('whatever is given where, a flag wins over the environment, that over the file, that over the default', () => {
  fc.assert(
    fc.property(levels, (chosen) => {
      const yaml: Record<string, unknown> = {}
      const env: Record<string, string> = {}
      const argv: string[] = []
      const flagsOnly: string[] = []
      for (const setting of settings) {
        const [inFile, inEnv, flag] = chosen[setting.key] ?? []
        if (inFile !== undefined) nest(yaml, setting.path, native(setting.key, inFile))
        if (inEnv !== undefined) env[setting.env] = inEnv
        if (flag !== undefined) argv.push(`${setting.flag}=${flag}`)
        const winner = flag ?? inEnv ?? inFile
        if (winner !== undefined) flagsOnly.push(`${setting.flag}=${winner}`)
      }
      expect(load(argv, env, stringify(yaml))).toEqual(load(flagsOnly, {}, ''))
    }),
  )
})

/** The file's form of a text. */
function native(key: string, value: string): unknown {
  if (key === 'map') return { key: value.slice(4) }
  if (key === 'on') return value === 'true'
  return key === 'deep.count' ? Number(value) : value
}

function nest(table: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [name = '', ...below] = path
  if (below.length === 0) table[name] = value
  else {
    table[name] ??= {}
    nest(table[name] as Record<string, unknown>, below, value)
  }
}

test('a known name with one letter wrong is refused, and the right one is offered', () => {
  const typo = fc.tuple(
    fc.constantFrom(...definition.settings),
    fc.nat(),
    fc.constantFrom('q', 'z'),
  )
  const wrong = (name: string, prefix: number, where: number, letter: string) => {
    const at = prefix + (where % (name.length - prefix))
    return `${name.slice(0, at)}${letter}${name.slice(at)}`
  }
  fc.assert(
    fc.property(typo, ([setting, where, letter]) => {
      const flag = wrong(setting.flag, 2, where, letter)
      expect(() => load([`${flag}=1`], {}, '')).toThrow(
        `${flag}: there is no such flag; did you mean ${setting.flag}?`,
      )
      const name = wrong(setting.env, 'PROPD_'.length, where, letter.toUpperCase())
      expect(() => load([], { [name]: '1' }, '')).toThrow(
        `${name}: there is no such setting; did you mean ${setting.env}?`,
      )
      const last = wrong(setting.path.at(-1) ?? '', 0, where, letter)
      const yaml: Record<string, unknown> = {}
      nest(yaml, [...setting.path.slice(0, -1), last], 1)
      expect(() => load([], {}, stringify(yaml))).toThrow(`did you mean ${setting.key}?`)
    }),
  )
})

test('whatever the command line, loading gives a configuration or an error of its own', () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom(
      ...definition.settings.map((setting) => setting.flag),
      '--',
      '-',
      '--=',
      '--__proto__.x=1',
    ),
    plain,
  )
  fc.assert(
    fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
      let outcome: unknown = 'loaded'
      try {
        loadConfig(definition, { argv, env: {}, cwd: '/' })
      } catch (error) {
        outcome = (error as { code?: unknown }).code
      }
      expect(['loaded', 'CONFIG_INVALID']).toContain(outcome)
    }),
    { numRuns: 500 },
  )
})

test('the file form of a value is what the file may hold', () => {
  const size = definition.settings.find((setting) => setting.key === 'deep.size')
  expect(size && fileForm(size, 3 * 1024 ** 2)).toBe('3MiB')
})
