import { cpSync, rmSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join } from 'node:path'
import { type OutputChunk, rolldown } from 'rolldown'
import { type InstalledPackage, licenceTexts, refusedLicences } from './licences.ts'

/**
 * Makes `packages/<program>/bundle` of each program (`node scripts/bundle.ts [PROGRAM]…`): all its code, that of the
 * workspaces and of npm packages too, in a few files that need only Node. With `bin/` and `package.json`
 * that is everything an installation has.
 */
const root = join(import.meta.dirname, '..')
const programs = ['dfget', 'dfdaemon', 'supernode']

/** Where the programs run; prebuilt parts for others stay out. */
const platforms = ['linux-x64', 'linux-arm64', 'darwin-x64+arm64']
const nativePackage = join(root, 'node_modules/classic-level')

const wanted = process.argv.slice(2)
for (const program of wanted.length === 0 ? programs : wanted) await bundle(program)

async function bundle(program: string): Promise<void> {
  const folder = join(root, 'packages', program)
  const target = join(folder, 'bundle')
  const build = await rolldown({
    input: { main: join(folder, 'src/main.ts') },
    platform: 'node',
    // The `main` of some packages is UMD, whose requires a bundler cannot see.
    resolve: { conditionNames: ['df-source'], mainFields: ['module', 'main'] },
    // classic-level looks for its prebuilt part beside its own file, which is the bundle.
    transform: { define: { __dirname: 'import.meta.dirname' } },
    onLog(level, log) {
      if (level === 'warn') throw new Error(`${program}: ${log.message}`)
    },
  })
  rmSync(target, { recursive: true, force: true })
  const { output } = await build.write({
    dir: target,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: '[name].js',
    comments: { legal: false, jsdoc: false },
  })
  await build.close()

  const chunks = output.filter((each) => each.type === 'chunk')
  const foreign = chunks.flatMap(({ imports, dynamicImports }) =>
    [...imports, ...dynamicImports].filter(
      (name) => !isBuiltin(name) && !chunks.some(({ fileName }) => fileName === name),
    ),
  )
  if (foreign.length > 0) throw new Error(`${program} would need ${foreign.join(', ')}`)
  for (const platform of platforms) {
    const part = join('prebuilds', platform)
    cpSync(join(nativePackage, part), join(target, part), { recursive: true })
  }
  const packages = packagesIn(chunks)
  const refused = refusedLicences(packages)
  if (refused.length > 0) throw new Error(`${program}: ${refused.join('; ')}`)
  writeFileSync(join(target, 'THIRD-PARTY-LICENSES'), licenceTexts(packages))
  cpSync(join(root, 'LICENSE'), join(target, 'LICENSE'))
  const kilobytes = chunks.reduce((sum, { code }) => sum + code.length, 0) / 1000
  console.log(`${program}: ${Math.round(kilobytes)} kB, ${packages.length} npm packages inside`)
}

/** The npm packages of which something is in the bundle. */
function packagesIn(chunks: readonly OutputChunk[]): InstalledPackage[] {
  const folders = chunks.flatMap(({ modules }) =>
    Object.keys(modules).flatMap(
      (id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+(?=\/)/.exec(id)?.[0] ?? [],
    ),
  )
  return [...new Set(folders)].map((folder) => ({ folder }))
}
