import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import {
  type Containerd,
  type Containers,
  type Dockerd,
  type Enclosure,
  type RunResult,
  setUpContainers,
  startContainerd,
  startDockerd,
} from '@df/testkit'
import type { Lab } from './lab.ts'

export interface Pulled {
  ok: boolean
  /** Of the manifest or index, as the engine recorded it. */
  digest: string | undefined
  /** What the engine said when it failed. */
  error: string
  tookMs: number
}

/** A real container engine that pulls docker.io through a mirror. */
export interface EngineClient {
  name: string
  /** `reference` is `docker.io/library/NAME:TAG`. */
  pull(reference: string, options?: { timeoutMs?: number }): Promise<Pulled>
  /** Runs a command in a container of a pulled image; absent for those that only pull. Gives what it printed. */
  run?(reference: string, command: readonly string[]): Promise<string>
}

export interface EngineOptions {
  mirrorUrl: string
  within?: Enclosure
  /** Registry → mirror, over and above docker.io. */
  mirrors?: Readonly<Record<string, string>>
}

const defaultTimeoutMs = 60_000

export async function dockerClient(lab: Lab, options: EngineOptions): Promise<EngineClient> {
  const dockerd = lab.keep(
    await startDockerd({
      directory: await lab.folder('d'),
      mirrors: [options.mirrorUrl],
      ...within(options),
    }),
  )
  return dockerClientOf(dockerd)
}

export function dockerClientOf({ docker }: Dockerd): EngineClient {
  return {
    name: 'docker',
    pull: (reference, { timeoutMs = defaultTimeoutMs } = {}) =>
      commandPull(docker(['pull', '--quiet', reference], { timeoutMs }), async () => {
        const format = '{{range .RepoDigests}}{{println .}}{{end}}'
        return digestIn((await docker(['image', 'inspect', '--format', format, reference])).stdout)
      }),
    run: async (reference, command) =>
      printed(await docker(['run', '--rm', '--network', 'none', reference, ...command])),
  }
}

export async function containerdClient(
  lab: Lab,
  mode: 'hosts' | 'mirrors',
  options: EngineOptions,
): Promise<EngineClient & { containerd: Containerd }> {
  const containerd = lab.keep(
    await startContainerd({
      directory: await lab.folder(`c-${mode}`),
      mode,
      mirrors: { 'docker.io': options.mirrorUrl, ...options.mirrors },
      sandboxImage: 'docker.io/library/pause:1',
      ...within(options),
    }),
  )
  return { containerd, ...containerdClientOf(containerd, `containerd (${mode})`) }
}

export function containerdClientOf({ cri }: Containerd, name: string): EngineClient {
  return {
    name,
    async pull(reference, { timeoutMs = defaultTimeoutMs } = {}) {
      const startedAt = performance.now()
      const took = () => Math.round(performance.now() - startedAt)
      try {
        const id = await cri.pull(reference, { timeoutMs })
        const image = (await cri.images()).find((one) => one.id === id)
        return {
          ok: true,
          digest: digestIn(image?.repo_digests.join() ?? ''),
          error: '',
          tookMs: took(),
        }
      } catch (error) {
        return { ok: false, digest: undefined, error: String(error), tookMs: took() }
      }
    },
    run: async (reference, command) => (await cri.exec(reference, command)).stdout.trim(),
  }
}

/** `ctr` of a containerd that is there already, in a containerd namespace of its own. */
export function ctrClient({ ctr, hostsDirectory }: Containerd): EngineClient {
  const inNamespace = (...args: string[]) => ['--namespace', 'test', ...args]
  return {
    name: 'ctr',
    pull: (reference, { timeoutMs = defaultTimeoutMs } = {}) =>
      commandPull(
        ctr(inNamespace('images', 'pull', '--hosts-dir', hostsDirectory, reference), { timeoutMs }),
        async () => digestIn((await ctr(inNamespace('images', 'ls', `name==${reference}`))).stdout),
      ),
    run: async (reference, command) =>
      printed(await ctr(inNamespace('run', '--rm', reference, 'one', ...command))),
  }
}

export async function containersClients(
  lab: Lab,
  options: EngineOptions,
): Promise<{ podman: EngineClient; skopeo: EngineClient; containers: Containers }> {
  const directory = await lab.folder('p')
  const containers = await setUpContainers({
    directory,
    mirrors: { 'docker.io': options.mirrorUrl, ...options.mirrors },
    ...within(options),
  })
  lab.defer(() => containers.cleanUp())
  const { skopeo } = containers
  let copies = 0
  return {
    containers,
    podman: podmanClientOf(containers),
    skopeo: {
      name: 'skopeo',
      pull(reference, { timeoutMs = defaultTimeoutMs } = {}) {
        const target = join(directory, `copy-${copies++}`)
        return commandPull(
          skopeo(['copy', '--all', `docker://${reference}`, `dir:${target}`], { timeoutMs }),
          async () => `sha256:${sha256(await readFile(join(target, 'manifest.json')))}`,
        )
      },
    },
  }
}

export function podmanClientOf({ podman }: Containers): EngineClient {
  return {
    name: 'podman',
    pull: (reference, { timeoutMs = defaultTimeoutMs } = {}) =>
      commandPull(podman(['pull', '--quiet', reference], { timeoutMs }), async () =>
        digestIn((await podman(['image', 'inspect', '--format', '{{.Digest}}', reference])).stdout),
      ),
    run: async (reference, command) =>
      printed(await podman(['run', '--rm', '--network', 'none', reference, ...command])),
  }
}

async function commandPull(
  command: Promise<RunResult>,
  digest: () => Promise<string | undefined>,
): Promise<Pulled> {
  const { code, stdout, stderr, durationMs: tookMs } = await command
  if (code === 0) return { ok: true, digest: await digest(), error: '', tookMs }
  return { ok: false, digest: undefined, error: (stderr || stdout).trim().slice(-500), tookMs }
}

function printed({ code, stdout, stderr }: RunResult): string {
  if (code !== 0) throw new Error(`ended with ${code}: ${stderr}`)
  return stdout.trim()
}

function digestIn(text: string): string | undefined {
  return /sha256:[0-9a-f]{64}/.exec(text)?.[0]
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

function within(options: EngineOptions): { within?: Enclosure } {
  return options.within === undefined ? {} : { within: options.within }
}
