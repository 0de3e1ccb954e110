import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import type { LayerTable } from './layer-table.ts'
import type { ModuleReference, SourceModule } from './source-module.ts'

/** Code that must not see a clock, chance, the host or the outside: decisions as plain functions. */
const pureSources = [/^packages\/scheduling\/src\//]

/** The only sources that may touch `process`; everything else gets what it needs passed in. */
const processSources = [
  /^packages\/[^/]+\/src\/main\.ts$/,
  // kit frames the process for all programs: signals, exit codes, the user it runs as.
  /^packages\/kit\/src\/(program|data-dir)\.ts$/,
  /^packages\/testkit\//,
  /^(test|bench|scripts)\//,
]

const testOnly = new Set(['testkit'])

/** Everything in `modules` that breaks the architecture, one sentence each; empty when it holds. */
export function architectureViolations(
  modules: readonly SourceModule[],
  table: LayerTable,
): string[] {
  return [
    ...modules.flatMap((module) => [
      ...importViolations(module, table),
      ...purityViolations(module),
      ...processViolations(module),
    ]),
    ...cycles(modules).map((cycle) => `import cycle: ${cycle.join(' → ')}`),
  ]
}

function importViolations(module: SourceModule, table: LayerTable): string[] {
  const own = packageOf(module.path)
  const allowed = own === undefined ? undefined : table.get(own)
  if (own !== undefined && allowed === undefined)
    return [`${module.path}: package ${own} is not in the table of ARCHITECTURE.md`]

  return module.references.flatMap((reference) => {
    const at = `${module.path}:${reference.line}`
    const { specifier } = reference
    if (isRelative(specifier)) {
      const target = resolveRelative(module, specifier)
      const crosses = packageOf(target) !== own
      return crosses ? [`${at}: ${specifier} reaches into another package`] : []
    }
    const [, name = '', deep] = /^@df\/([^/]+)(\/.*)?$/.exec(specifier) ?? []
    if (name === '') {
      const tainted = own === 'proto' && !isTest(module.path) && isBuiltin(specifier)
      return tainted ? [`${at}: proto must load without Node, not import ${specifier}`] : []
    }
    if (deep !== undefined) return [`${at}: ${specifier} is not the public face of ${name}`]
    if (allowed === undefined || allowed.has(name)) return []
    if (isTest(module.path) && testOnly.has(name)) return []
    return [`${at}: ${own} may not import ${name}`]
  })
}

function purityViolations(module: SourceModule): string[] {
  if (isTest(module.path)) return []
  const pure = isPure(module.path)
  if (!pure && packageOf(module.path) !== 'proto') return []

  const names = module.names
    .filter(({ name }) => pure || name === 'Buffer' || name === 'process')
    .map(({ name, line }) => `${module.path}:${line}: pure code uses ${name}`)
  if (!pure) return names
  const imports = module.references
    .filter((reference) => !purelyImportable(module, reference))
    .map(({ specifier, line }) => `${module.path}:${line}: pure code imports ${specifier}`)
  return [...names, ...imports]
}

function purelyImportable(module: SourceModule, { specifier, typeOnly }: ModuleReference) {
  if (specifier === '@df/proto' || /^typebox(\/|$)/.test(specifier)) return true
  if (!isRelative(specifier)) return false
  return typeOnly || isPure(resolveRelative(module, specifier))
}

function processViolations(module: SourceModule): string[] {
  if (isTest(module.path) || matchesAny(processSources, module.path)) return []
  return [
    ...module.names.filter(({ name }) => name === 'process'),
    ...module.references.filter(({ specifier }) => /^(node:)?process$/.test(specifier)),
  ].map(({ line }) => `${module.path}:${line}: only main.ts touches process`)
}

/** Each import cycle once, as paths that end where they began. */
function cycles(modules: readonly SourceModule[]): string[][] {
  const byPath = new Map(modules.map((module) => [module.path, module]))
  const done = new Set<string>()
  const found: string[][] = []

  const visit = (module: SourceModule, trail: readonly string[]) => {
    const start = trail.indexOf(module.path)
    if (start >= 0) found.push([...trail.slice(start), module.path])
    if (start >= 0 || done.has(module.path)) return
    const deeper = [...trail, module.path]
    for (const { specifier } of module.references) {
      const target = isRelative(specifier) && byPath.get(resolveRelative(module, specifier))
      if (target) visit(target, deeper)
    }
    done.add(module.path)
  }
  for (const module of modules) visit(module, [])
  return found
}

function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1]
}

function isRelative(specifier: string): boolean {
  return /^\.{1,2}\//.test(specifier)
}

function resolveRelative(module: SourceModule, specifier: string): string {
  return posix.join(posix.dirname(module.path), specifier)
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts') || /\/test-support(\/|\.ts$)/.test(path)
}

function isPure(path: string): boolean {
  return matchesAny(pureSources, path)
}

function matchesAny(patterns: readonly RegExp[], path: string): boolean {
  return patterns.some((pattern) => pattern.test(path))
}
