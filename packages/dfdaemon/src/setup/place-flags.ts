import { type Static, Type } from 'typebox'
import { DOCKER_CONFIG } from './docker-daemon.ts'
import type { Machine } from './machine.ts'
import { RootedFiles } from './rooted-files.ts'
import type { EnginePaths } from './runtime-plan.ts'
import { SetupRecords } from './setup-record.ts'

/** Where setup keeps what undo needs, unless told otherwise. */
export const STATE_DIR = '/var/lib/dragonfly/setup'

/** Where engines have their files, unless told otherwise. */
export const usualPaths: EnginePaths = {
  dockerConfig: DOCKER_CONFIG,
  containerdConfig: '/etc/containerd/config.toml',
  containerdHosts: '/etc/containerd/certs.d',
  containersFolder: '/etc/containers',
}

/** Flags of all commands that change the configuration of engines: which machine it is. */
export const machineFlags = {
  root: Type.String({
    description: 'where the file system of the machine is, for an image or a mounted host',
    default: '/',
    unit: 'path',
  }),
  stateDir: Type.String({
    description: 'folder on that machine for what undo needs: the files as they were',
    default: STATE_DIR,
    unit: 'path',
  }),
  noReload: Type.Boolean({
    description: 'do not have docker and CRI-O read their configuration again',
    default: false,
  }),
  restart: Type.Boolean({
    description: 'restart containerd when its config.toml changes',
    default: false,
  }),
}

/** Flags about the writing itself. */
export const writeFlags = {
  yes: Type.Boolean({ description: 'write without asking', default: false }),
  dryRun: Type.Boolean({ description: 'show what would change, and end', default: false }),
}

/** Flags for files that are not at their usual place. */
export const pathFlags = {
  dockerConfig: Type.String({
    description: 'configuration of docker',
    default: usualPaths.dockerConfig,
    unit: 'path',
  }),
  containerdConfig: Type.String({
    description: 'configuration of containerd',
    default: usualPaths.containerdConfig,
    unit: 'path',
  }),
  containerdHosts: Type.String({
    description: 'folder of hosts.toml files, when the configuration of containerd names none',
    default: usualPaths.containerdHosts,
    unit: 'path',
  }),
  containersDir: Type.String({
    description: 'folder of registries.conf, for podman and CRI-O',
    default: usualPaths.containersFolder,
    unit: 'path',
  }),
}

const machine = Type.Object(machineFlags)
const places = Type.Object(pathFlags)

/** The machine that flags mean. */
export function machineOf({ root, stateDir }: Static<typeof machine>): Machine {
  const files = new RootedFiles(root)
  return { files, records: new SetupRecords(files, stateDir) }
}

export function pathsOf(flags: Static<typeof places>): EnginePaths {
  const { dockerConfig, containerdConfig, containerdHosts, containersDir } = flags
  return { dockerConfig, containerdConfig, containerdHosts, containersFolder: containersDir }
}
