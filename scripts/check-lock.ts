import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The parts of package-lock.json (version 3) that are looked at. */
export interface Lock {
  packages: Record<
    string,
    {
      version?: string
      integrity?: string
      link?: boolean
      optionalDependencies?: Record<string, string>
    }
  >
}

/** The parts of a package.json that are looked at. */
export interface Manifest {
  name: string
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/**
 * What would make `npm ci` fail or differ elsewhere, one sentence each: a platform package that npm dropped
 * from the lock because the registry could not serve it on the day, a package without a checksum, an open range.
 */
export function lockProblems(lock: Lock, manifests: readonly Manifest[]): string[] {
  return [
    ...Object.entries(lock.packages).flatMap(([path, entry]) => [
      ...Object.keys(entry.optionalDependencies ?? {})
        .filter((name) => !isLocked(lock, path, name))
        .map((name) => `${path || 'the root'} wants ${name}, which is not in the lock`),
      ...(isFromRegistry(path, entry.link) && !entry.integrity ? [`${path} has no checksum`] : []),
    ]),
    ...manifests.flatMap((manifest) =>
      Object.entries({
        ...manifest.dependencies,
        ...manifest.devDependencies,
        ...manifest.optionalDependencies,
      })
        .filter(([, version]) => !/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
        .map(
          ([name, version]) => `${manifest.name} wants ${name} ${version}: not an exact version`,
        ),
    ),
  ]
}

/** Looks where Node would: in the package's own node_modules, then in that of each folder above. */
function isLocked(lock: Lock, path: string, name: string): boolean {
  const folders = path.split('/')
  const places = folders.map((_, i) => `${folders.slice(0, i + 1).join('/')}/node_modules/${name}`)
  return [...places, `node_modules/${name}`].some((place) => Object.hasOwn(lock.packages, place))
}

function isFromRegistry(path: string, link: boolean | undefined): boolean {
  return path.includes('node_modules/') && link !== true
}

if (import.meta.main) {
  const root = join(import.meta.dirname, '..')
  const read = (path: string) => JSON.parse(readFileSync(join(root, path), 'utf8'))
  const lock: Lock = read('package-lock.json')
  const own = Object.keys(lock.packages).filter((path) => !path.includes('node_modules/'))
  const problems = lockProblems(
    lock,
    own.map((path): Manifest => read(join(path, 'package.json'))),
  )
  for (const problem of problems) console.error(problem)
  if (problems.length > 0) process.exitCode = 1
}
