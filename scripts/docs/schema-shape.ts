/** The part of JSON Schema that our bodies use. */
interface JsonSchema {
  type?: string
  const?: string
  anyOf?: readonly JsonSchema[]
  items?: JsonSchema
  properties?: Readonly<Record<string, JsonSchema>>
  patternProperties?: Readonly<Record<string, JsonSchema>>
  required?: readonly string[]
  description?: string
}

/** The schema in a short form: `{ images?: [string], to: 'seed' | 'hosts' }`. */
export function shapeOf(given: object, indent = ''): string {
  const schema: JsonSchema = given
  if (schema.const !== undefined) return `'${schema.const}'`
  if (schema.anyOf !== undefined) {
    return schema.anyOf.map((option) => shapeOf(option, indent)).join(' | ')
  }
  if (schema.items !== undefined) return `[${shapeOf(schema.items, indent)}]`
  const [named] = Object.values(schema.patternProperties ?? {})
  if (named !== undefined) return `{ NAME: ${shapeOf(named, indent)} }`
  if (schema.properties === undefined) return schema.type ?? 'anything'
  const inner = `${indent}  `
  const lines = Object.entries(schema.properties).map(([name, value]) => {
    const mark = schema.required?.includes(name) === true ? '' : '?'
    return `${inner}${name}${mark}: ${shapeOf(value, inner)}`
  })
  return ['{', ...lines, `${indent}}`].join('\n')
}
