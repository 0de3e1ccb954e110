import { cp, glob, mkdir, realpath, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { type Dockerd, runOk } from '@df/testkit'

/**
 * Stand-ins, made of files of this machine, for the images that docker-compose.yml takes from Docker Hub, which tests
 * cannot reach. Each has what ours needs of the real one, and no more.
 */
export interface LocalImages {
  /** For `debian:bookworm-slim`: libc, libstdc++, `env`, `install`, a shell. No Node. */
  base: string
  /** For `node:24-bookworm-slim`: Node and npm. */
  buildBase: string
  /** For `registry:2`: Debian's docker-registry. */
  registry: string
}

export interface LocalImagesOptions {
  dockerd: Dockerd
  /** For what they are made of; empty afterwards. */
  directory: string
  /** Where `npm ci` finds packages during a build. */
  npmRegistryUrl: string
}

/** Makes them in a dockerd. */
export async function makeLocalImages({
  dockerd,
  directory,
  npmRegistryUrl,
}: LocalImagesOptions): Promise<LocalImages> {
  const make = (name: string, recipe: Recipe) =>
    importRoot(dockerd, join(directory, name), `local/${name}`, recipe)
  return {
    base: await make('base', { fill: addRuntime }),
    buildBase: await make('build-base', {
      fill: addNpm,
      changes: [`ENV NPM_CONFIG_REGISTRY=${npmRegistryUrl}`],
    }),
    registry: await make('registry', {
      fill: addRegistry,
      changes: [
        'ENV OTEL_TRACES_EXPORTER=none',
        'CMD ["docker-registry", "serve", "/etc/registry.json"]',
      ],
    }),
  }
}

interface Recipe {
  fill(root: string): Promise<void>
  /** As `docker import --change` takes them. */
  changes?: readonly string[]
}

async function importRoot(
  { docker }: Dockerd,
  root: string,
  name: string,
  { fill, changes = [] }: Recipe,
): Promise<string> {
  const archive = `${root}.tar`
  await addBusybox(root)
  await fill(root)
  await runOk(['tar', '--create', '--owner=0', '--group=0', '--file', archive, '-C', root, '.'])
  const options = changes.flatMap((change) => ['--change', change])
  const { code, stderr } = await docker(['import', ...options, archive, name])
  await rm(root, { recursive: true })
  await rm(archive)
  if (code !== 0) throw new Error(`docker import ${name}: ${stderr}`)
  return name
}

async function addBusybox(root: string): Promise<void> {
  for (const folder of ['bin', 'etc', 'usr']) await mkdir(join(root, folder), { recursive: true })
  await mkdir(join(root, 'tmp'), { mode: 0o777 })
  await symlink('../bin', join(root, 'usr/bin'))
  await cp('/bin/busybox', join(root, 'bin/busybox'))
  const applets = (await runOk(['busybox', '--list'])).split('\n')
  for (const applet of applets.filter((name) => name !== 'busybox'))
    await symlink('busybox', join(root, 'bin', applet))
  // busybox's has no -S, which the first line of our programs needs.
  await rm(join(root, 'bin/env'))
  await cp('/usr/bin/env', join(root, 'bin/env'))
}

async function addLibraries(root: string, program: string): Promise<void> {
  for (const [library] of (await runOk(['ldd', program])).matchAll(/\/\S+\.so\S*/g))
    await cp(await realpath(library), join(root, library), { recursive: true })
}

async function addRuntime(root: string): Promise<void> {
  await addLibraries(root, process.execPath)
  // busybox has none.
  const install = '/usr/bin/install'
  await addLibraries(root, install)
  await cp(install, join(root, 'bin/install'))
}

async function addNpm(root: string): Promise<void> {
  await addLibraries(root, process.execPath)
  // The bundler is native code that needs more of glibc than Node does.
  const bundlers = join(import.meta.dirname, '../../node_modules/@rolldown')
  for await (const native of glob('binding-*/*.node', { cwd: bundlers }))
    await addLibraries(root, join(bundlers, native))
  await cp(process.execPath, join(root, 'bin/node'))
  const command = await realpath(await runOk(['which', 'npm']))
  const npm = dirname(dirname(command))
  await cp(npm, join(root, 'lib/npm'), { recursive: true })
  await symlink(join('../lib/npm', relative(npm, command)), join(root, 'bin/npm'))
}

async function addRegistry(root: string): Promise<void> {
  const program = '/usr/bin/docker-registry'
  await addLibraries(root, program)
  await cp(program, join(root, 'bin/docker-registry'))
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: '/var/lib/registry' } },
    http: { addr: ':5000' },
  }
  // YAML is a superset of JSON.
  await writeFile(join(root, 'etc/registry.json'), JSON.stringify(config))
}
