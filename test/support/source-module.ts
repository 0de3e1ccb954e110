import { parseSync, Visitor } from 'oxc-parser'

/** One mention of another module: import, re-export, dynamic import, or an import inside a type. */
export interface ModuleReference {
  specifier: string
  /** Erased at run time (`import type`, `export type`, `import('x').T`). */
  typeOnly: boolean
  line: number
}

/** A global used as a value, such as `process`; names that the module binds itself do not count. */
export interface NameUse {
  name: string
  line: number
}

/** What the architecture rules need to know of one source file. */
export interface SourceModule {
  /** Relative to the repository, with forward slashes. */
  path: string
  references: ModuleReference[]
  names: NameUse[]
}

/** Names that tie code to a clock, chance, the host or the process; property names do not count. */
const watchedNames = new Set([
  'Buffer',
  'Date',
  'Math.random',
  'clearTimeout',
  'console',
  'crypto',
  'fetch',
  'performance',
  'process',
  'queueMicrotask',
  'setImmediate',
  'setInterval',
  'setTimeout',
])

/**
 * Reads a TypeScript file.
 * @throws Error when the text does not parse
 */
export function readSourceModule(path: string, text: string): SourceModule {
  const { program, errors } = parseSync(path, text)
  const [error] = errors
  if (error) throw new Error(`${path}: ${error.message}`)

  const references: ModuleReference[] = []
  const names: NameUse[] = []
  const propertyNames = new Set<number>()
  const bound = new Set<string>()
  const line = (offset: number) => text.slice(0, offset).split('\n').length
  const refer = (specifier: string, typeOnly: boolean, offset: number) =>
    references.push({ specifier, typeOnly, line: line(offset) })
  const isProperty = (node: {
    computed?: boolean | undefined
    key: { start: number }
    shorthand?: boolean | undefined
  }) => {
    if (!node.computed && !node.shorthand) propertyNames.add(node.key.start)
  }

  const bind = (pattern: { type: string; name?: unknown }) => {
    if (pattern.type === 'Identifier' && typeof pattern.name === 'string') bound.add(pattern.name)
  }

  new Visitor({
    VariableDeclarator: (node) => bind(node.id),
    ArrowFunctionExpression: (node) => node.params.forEach(bind),
    FunctionDeclaration: (node) => node.params.forEach(bind),
    ImportDeclaration: (node) => refer(node.source.value, node.importKind === 'type', node.start),
    ExportNamedDeclaration: (node) => {
      if (node.source) refer(node.source.value, node.exportKind === 'type', node.start)
    },
    ExportAllDeclaration: (node) =>
      refer(node.source.value, node.exportKind === 'type', node.start),
    ImportExpression: (node) => refer(literalText(node.source) ?? '<computed>', false, node.start),
    TSImportType: (node) => refer(node.source.value, true, node.start),
    MemberExpression: (node) => {
      if (node.computed) return
      propertyNames.add(node.property.start)
      const whole = text.slice(node.start, node.end)
      if (watchedNames.has(whole)) names.push({ name: whole, line: line(node.start) })
    },
    Property: isProperty,
    PropertyDefinition: isProperty,
    MethodDefinition: isProperty,
    TSPropertySignature: isProperty,
    TSMethodSignature: isProperty,
    Identifier: (node) => {
      if (watchedNames.has(node.name) && !propertyNames.has(node.start))
        names.push({ name: node.name, line: line(node.start) })
    },
  }).visit(program)

  return { path, references, names: names.filter(({ name }) => !bound.has(name)) }
}

function literalText(node: { type: string; value?: unknown }): string | undefined {
  return node.type === 'Literal' && typeof node.value === 'string' ? node.value : undefined
}
