import type { Entry } from './entry.ts'

/** Container engines that can be set up. */
export const runtimes = ['docker', 'containerd', 'podman', 'crio'] as const

export type Runtime = (typeof runtimes)[number]

/** Where engines have their files. */
export interface EnginePaths {
  /** docker's `daemon.json` */
  dockerConfig: string
  /** containerd's `config.toml` */
  containerdConfig: string
  /** Its folder of `hosts.toml` files, unless its configuration names one. */
  containerdHosts: string
  /** The folder of `registries.conf`. */
  containersFolder: string
}

/** Files of the machine as they are without us. */
export interface Files {
  /** Undefined when there is no such file. */
  read(path: string): string | undefined
  /** Names in a folder; undefined when there is no such folder. */
  list(folder: string): string[] | undefined
}

/**
 * What makes an engine notice a changed file: `pull`: it reads the file at each pull; `reload`: SIGHUP; `restart`: it reads
 * it only when it starts.
 */
export type Effect = 'pull' | 'reload' | 'restart'

/** A file as it should be. */
export interface WantedFile {
  path: string
  text: string
  /** How to take out what was put in. */
  entry: Entry
  effect: Effect
}

export interface RuntimePlan {
  files: WantedFile[]
  /** Sentences for the user. */
  notes: string[]
}
