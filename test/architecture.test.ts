import { readdirSync, readFileSync } from 'node:fs'
import { join, sep } from 'node:path'
import { describe, expect, it } from 'vitest'
import { architectureViolations } from './support/architecture-rules.ts'
import { readLayerTable } from './support/layer-table.ts'
import { readSourceModule, type SourceModule } from './support/source-module.ts'

const root = join(import.meta.dirname, '..')
const table = readLayerTable(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'))

describe('the repository', () => {
  it('holds the import table, purity and absence of cycles of ARCHITECTURE.md', () => {
    const modules = sourcePaths().map((path) =>
      readSourceModule(path, readFileSync(join(root, path), 'utf8')),
    )
    expect(modules.length).toBeGreaterThan(20)
    expect(architectureViolations(modules, table)).toEqual([])
  })

  it('has exactly the packages of the table', () => {
    expect(packageNames().sort()).toEqual([...table.keys()].sort())
  })

  it.each(packageNames())('%s declares what the table allows, to npm and to TypeScript', (name) => {
    const manifest = readManifest(name)
    const config = readJson<{ references?: { path: string }[] }>(`packages/${name}/tsconfig.json`)
    const needed = manifest.bin === undefined ? manifest.dependencies : manifest.devDependencies
    const dependencies = Object.keys(needed ?? {})
      .filter((dependency) => dependency.startsWith('@df/') && dependency !== '@df/testkit')
      .map((dependency) => dependency.slice('@df/'.length))
    const references = (config.references ?? []).map(({ path }) => path.replace('../', ''))

    const allowed = table.get(name) ?? new Set()
    expect(dependencies.filter((dependency) => !allowed.has(dependency))).toEqual([])
    expect(references.sort()).toEqual(dependencies.sort())
  })

  it.each(packageNames())('%s is published to no registry by mistake', (name) => {
    expect(readManifest(name).private).toBe(true)
  })

  it('has programs that carry all they need, so that an installation asks no registry', () => {
    const programs = packageNames().filter((name) => readManifest(name).bin !== undefined)
    const fetching = programs.filter((name) => readManifest(name).dependencies !== undefined)
    expect(fetching, 'move their dependencies to devDependencies (npm i -D)').toEqual([])
  })
})

describe('the rules, seen broken on purpose', () => {
  const broken: [what: string, path: string, text: string, complaint: string][] = [
    [
      'an import up the layers',
      'packages/kit/src/a.ts',
      `import { x } from '@df/storage'`,
      'kit may not import storage',
    ],
    [
      'a type import up the layers',
      'packages/kit/src/a.ts',
      `import type { X } from '@df/oci'`,
      'kit may not import oci',
    ],
    [
      'an import inside a type',
      'packages/kit/src/a.ts',
      `export type X = import('@df/oci').Y`,
      'kit may not import oci',
    ],
    [
      'a re-export',
      'packages/dfdaemon/src/a.ts',
      `export { x } from '@df/supernode'`,
      'dfdaemon may not import supernode',
    ],
    [
      'a re-export of everything',
      'packages/codec/src/a.ts',
      `export * from '@df/kit'`,
      'codec may not import kit',
    ],
    [
      'a dynamic import',
      'packages/dfget/src/a.ts',
      `export const x = await import('@df/dfdaemon')`,
      'dfget may not import dfdaemon',
    ],
    [
      'the test kit in a product source',
      'packages/oci/src/a.ts',
      `import { x } from '@df/testkit'`,
      'oci may not import testkit',
    ],
    [
      'a deep import',
      'packages/oci/src/a.ts',
      `import { x } from '@df/kit/src/log.ts'`,
      'not the public face of kit',
    ],
    [
      'a relative import of another package',
      'packages/oci/src/a.ts',
      `import { x } from '../../kit/src/log.ts'`,
      'reaches into another package',
    ],
    [
      'a test that reaches into a package',
      'test/e2e/a.test.ts',
      `import { x } from '../../packages/kit/src/log.ts'`,
      'reaches into another package',
    ],
    [
      'a Node built-in in proto',
      'packages/proto/src/a.ts',
      `import { createHash } from 'crypto'`,
      'proto must load without Node',
    ],
    [
      'a Node global in proto',
      'packages/proto/src/a.ts',
      `export const x = Buffer.from('')`,
      'pure code uses Buffer',
    ],
    [
      'a built-in in the scheduler',
      'packages/scheduling/src/scheduler/a.ts',
      `import type { X } from 'node:fs'`,
      'pure code imports node:fs',
    ],
    [
      'another package in the scheduler',
      'packages/scheduling/src/scheduler/a.ts',
      `import { Agent } from 'undici'`,
      'pure code imports undici',
    ],
    [
      'impure code behind a relative import',
      'packages/scheduling/src/host/piece-policy.ts',
      `import { x } from '../../test/engine-task.ts'`,
      'pure code imports ../../test/engine-task.ts',
    ],
    [
      'the clock in the scheduler',
      'packages/scheduling/src/scheduler/a.ts',
      `export const x = () => Date.now()`,
      'pure code uses Date',
    ],
    [
      'chance in the scheduler',
      'packages/scheduling/src/scheduler/a.ts',
      `export const x = () => Math.random()`,
      'pure code uses Math.random',
    ],
    [
      'process outside main.ts',
      'packages/supernode/src/compose.ts',
      `export const x = process.env`,
      'only main.ts touches process',
    ],
    [
      'process by import',
      'packages/supernode/src/compose.ts',
      `import { env } from 'node:process'`,
      'only main.ts touches process',
    ],
    [
      'a package that the table does not know',
      'packages/extra/src/a.ts',
      `export const x = 1`,
      'package extra is not in the table',
    ],
  ]

  it.each(broken)('%s is found', (_what, path, text, complaint) => {
    expect(architectureViolations([readSourceModule(path, text)], table)).toEqual([
      expect.stringContaining(complaint),
    ])
  })

  it('an import cycle is found', () => {
    const cycle: SourceModule[] = [
      readSourceModule('packages/kit/src/a.ts', `import { b } from './b.ts'`),
      readSourceModule('packages/kit/src/b.ts', `export { c } from './c.ts'`),
      readSourceModule('packages/kit/src/c.ts', `import type { A } from './a.ts'`),
    ]
    expect(architectureViolations(cycle, table)).toEqual([
      'import cycle: packages/kit/src/a.ts → packages/kit/src/b.ts → packages/kit/src/c.ts → packages/kit/src/a.ts',
    ])
  })

  it('what is allowed is not complained about', () => {
    const modules = [
      readSourceModule(
        'packages/scheduling/src/scheduler/a.ts',
        `import type { T } from '@df/proto'; import { b } from './b.ts'; import type { P } from '../x.ts'`,
      ),
      readSourceModule('packages/oci/src/a.test.ts', `import { x } from '@df/testkit'`),
      readSourceModule('packages/supernode/src/main.ts', `process.exitCode = 1`),
      readSourceModule('packages/kit/src/a.ts', `export const a = { process: 1 }; a.process`),
      readSourceModule('packages/kit/src/b.ts', `export const b = (process: string) => process`),
    ]
    expect(architectureViolations(modules, table)).toEqual([])
  })
})

function sourcePaths(): string[] {
  const folders = [
    ...packageNames().map((name) => `packages/${name}/src`),
    'test',
    'bench',
    'scripts',
  ]
  return folders.flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .map((file) => `${folder}/${file.split(sep).join('/')}`),
  )
}

function packageNames(): string[] {
  return readdirSync(join(root, 'packages'))
}

function readManifest(name: string) {
  return readJson<{
    private?: boolean
    bin?: unknown
    dependencies?: Record<string, string>
    devDependencies?: Record<string, string>
  }>(`packages/${name}/package.json`)
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(join(root, path), 'utf8')) as T
}
