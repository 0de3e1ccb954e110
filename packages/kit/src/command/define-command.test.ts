import { Readable } from 'node:stream'
import { isAppError } from '@df/proto'
import { Type } from 'typebox'
import { expect, test } from 'vitest'
import { defineConfig } from '../config/define.ts'
import { commandHelpText } from '../config/reference.ts'
import type { CommandIo } from './command-io.ts'
import { type Command, defineCommand } from './define-command.ts'

const program = defineConfig({
  program: 'testd',
  envPrefix: 'TESTD',
  schema: Type.Object({ port: Type.Integer({ description: 'port to serve on', default: 80 }) }),
})

const schema = Type.Object({
  yes: Type.Boolean({ description: 'do not ask', default: false }),
  after: Type.Integer({ description: 'how long to wait', unit: 'duration', default: '30s' }),
})

function setup(seen: unknown[] = []): Command {
  return defineCommand({
    name: 'setup',
    summary: 'Sets up an engine.',
    operands: { form: 'docker|podman', min: 1, max: 1, choices: ['docker', 'podman'] },
    schema,
    config: program,
    examples: [['testd setup docker', 'points docker at the mirror']],
    async run({ operands, flags, config }) {
      seen.push(operands, flags, config)
      return flags.yes ? 0 : 2
    },
  })
}

const silent = { write: () => {}, columns: undefined }

function io(env: Record<string, string> = {}): CommandIo {
  return {
    stdin: Readable.from([]),
    stdout: silent,
    stderr: silent,
    env,
    cwd: '/',
    uid: 0,
    signal: new AbortController().signal,
    version: '1.2.3',
  }
}

async function failure(command: Command, argv: string[]): Promise<string> {
  try {
    await command.run(argv, io())
  } catch (error) {
    if (isAppError(error)) return `${error.code}: ${error.message}; ${error.hint}`
    throw error
  }
  throw new Error('it did not fail')
}

test('a command gets its operands, its flags with defaults, and the configuration of its program', async () => {
  const seen: unknown[] = []
  const code = await setup(seen).run(['docker', '--yes', '--port', '90'], io())
  expect(code).toBe(0)
  expect(seen[0]).toEqual(['docker'])
  expect(seen[1]).toEqual({ yes: true, after: 30_000 })
  expect(seen[2]).toMatchObject({ port: 90 })
})

test('the configuration comes from the environment too, the flags of the command do not', async () => {
  const seen: unknown[] = []
  await setup(seen).run(['docker'], io({ TESTD_PORT: '91', _YES: 'true', YES: 'true' }))
  expect(seen[1]).toEqual({ yes: false, after: 30_000 })
  expect(seen[2]).toMatchObject({ port: 91 })
})

test('its exit code is the one of the program', async () => {
  expect(await setup().run(['docker'], io())).toBe(2)
})

test('wrong words are named with what was meant', async () => {
  expect(await failure(setup(), ['dokcer'])).toBe(
    "USAGE: setup: 'dokcer' is not one of docker, podman; did you mean docker?",
  )
  expect(await failure(setup(), [])).toBe('USAGE: setup needs docker|podman; one of docker, podman')
  expect(await failure(setup(), ['docker', 'podman'])).toBe(
    "USAGE: setup: 'podman' is too much; write setup docker|podman",
  )
  expect(await failure(setup(), ['docker', '--yse'])).toBe(
    'CONFIG_INVALID: --yse: there is no such flag; did you mean --yes?; undefined',
  )
  expect(await failure(setup(), ['docker', '--after', 'soon'])).toMatch(
    /^CONFIG_INVALID: --after: /,
  )
})

test('a command that reads no configuration refuses a file of one', async () => {
  const plain = defineCommand({ name: 'plain', summary: 'Plain.', run: async () => 0 })
  expect(await plain.run([], io())).toBe(0)
  expect(await failure(plain, ['--config', 'x.yaml'])).toMatch(/--config: this command reads no/)
  expect(await failure(plain, ['word'])).toMatch(/^USAGE: plain: 'word' is too much/)
})

test('its help has a line for each flag, those of the program apart, and the examples', () => {
  expect(commandHelpText('testd', setup())).toMatchInlineSnapshot(`
    "Sets up an engine.

    Usage:
      testd setup docker|podman [FLAG]…

    Flags:
      --yes             do not ask
      --after DURATION  how long to wait (default 30s)
      --help            print this

    Flags of testd:
      --port N           port to serve on (default 80)
      --log-level LEVEL  least important messages to log: trace, debug, info, warn, error or fatal (default info)
      --config FILE      read settings from a YAML, TOML or JSON file

    Exit codes: 0 done, 2 wrong usage or configuration; all in docs/reference/exit-codes.md.

    Examples:
      # points docker at the mirror
      testd setup docker
    "
  `)
})

test('a flag that is a setting of the program is a bug that shows at once', () => {
  const twice = () =>
    defineCommand({
      name: 'twice',
      summary: 'Twice.',
      schema: Type.Object({ port: Type.Integer({ description: 'another one' }) }),
      config: program,
      run: async () => 0,
    })
  expect(twice).toThrow(/twice: port is a setting of the program/)
})
