import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Ajv } from 'ajv'

type Schema = Record<string, unknown>

/** An object of the Kubernetes API. */
export interface Manifest {
  apiVersion: string
  kind: string
  metadata: { name: string; namespace?: string }
}

/**
 * Gives a check of manifests against the schemas of Kubernetes 1.27 that the packages kubernetes-models and
 * @kubernetes-models/apimachinery carry; a field that is in no schema is a fault, as for `kubectl apply --validate=strict`.
 * The check gives what is wrong, one sentence each.
 */
export function kubernetesCheck(): (manifest: Manifest) => string[] {
  const schemas = new Map([
    ...readSchemas('kubernetes-models'),
    ...readSchemas('@kubernetes-models/apimachinery'),
  ])
  const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false })
  for (const [id, schema] of schemas) ajv.addSchema(closed(schema), id)

  return (manifest) => {
    const { apiVersion, kind } = manifest
    const id = [...schemas].find(([, schema]) => isOf(schema, apiVersion, kind))?.[0]
    if (id === undefined) return [`there is no ${kind} in ${apiVersion}`]
    ajv.validate(id, manifest)
    return (ajv.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${kind} ${manifest.metadata.name}${instancePath} ${message} ${JSON.stringify(params)}`,
    )
  }
}

/** Each file there registers one schema, which is a JSON text in it. */
function readSchemas(name: string): [string, Schema][] {
  const packageFile = import.meta.resolve(`${name}/package.json`)
  const folder = join(dirname(new URL(packageFile).pathname), '_schemas')
  return readdirSync(folder)
    .filter((file) => file.endsWith('.js'))
    .flatMap((file) => {
      const text = readFileSync(join(folder, file), 'utf8')
      const json = /^const schema = (\{.*?^\});$/ms.exec(text)?.[1]
      const id = /register\)\("([^"]+)", schema\)/.exec(text)?.[1]
      if (json === undefined || id === undefined) return []
      return [[id, JSON.parse(json) as Schema]]
    })
}

function isOf({ properties }: Schema, apiVersion: string, kind: string): boolean {
  const named = properties as Record<string, { enum?: unknown[] }> | undefined
  return (
    named?.['kind']?.enum?.includes(kind) === true &&
    named['apiVersion']?.enum?.includes(apiVersion) === true
  )
}

/** The same, with objects that list their fields having no others. */
function closed(schema: unknown): Schema {
  const closeAll = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(closeAll)
    if (typeof value !== 'object' || value === null) return value
    const entries = Object.entries(value).map(([key, inner]) => [key, closeAll(inner)])
    const copy: Schema = Object.fromEntries(entries) as Schema
    const isOpen = 'properties' in copy && !('additionalProperties' in copy)
    return isOpen ? { ...copy, additionalProperties: false } : copy
  }
  return closeAll(schema) as Schema
}
