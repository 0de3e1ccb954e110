import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Enclosure, run, runOk } from './command.ts'
import { Daemon } from './daemon.ts'
import { freePort } from './ports.ts'

export interface DockerRegistryOptions {
  /** Its configuration, log and content. */
  directory: string
  /** Default 127.0.0.1. */
  host?: string
  /** Default: a free one. */
  port?: number
  /** Name → password: basic auth, for pulls and pushes. */
  users?: Readonly<Record<string, string>>
  /** Where its content lies, when registries share it. */
  storageDirectory?: string
  /** Served with TLS. */
  certificate?: { certPath: string; keyPath: string }
  /** Where blobs are redirected to: `baseurl` of distribution's middleware. */
  redirectTo?: string
  /** Where pushes and pulls are told, and with which `Authorization`. */
  notify?: { url: string; authorization: string }
  within?: Enclosure
}

export interface DockerRegistry {
  url: string
  daemon: Daemon
  stop(): Promise<void>
}

/** Debian's docker-registry (distribution 2.8), filled with `pushImage`. */
export async function startDockerRegistry(options: DockerRegistryOptions): Promise<DockerRegistry> {
  const { directory, host = '127.0.0.1', users, redirectTo, notify, within } = options
  const { certificate } = options
  const { storageDirectory = join(directory, 'registry') } = options
  const port = options.port ?? (await freePort(host))
  const configPath = join(directory, 'registry.json')
  const config = {
    version: 0.1,
    log: { level: 'info' },
    storage: {
      filesystem: { rootdirectory: storageDirectory },
      delete: { enabled: true },
    },
    http: {
      addr: `${host}:${port}`,
      ...(certificate === undefined
        ? {}
        : { tls: { certificate: certificate.certPath, key: certificate.keyPath } }),
    },
    ...(notify === undefined ? {} : { notifications: { endpoints: [endpointOf(notify)] } }),
    ...(redirectTo === undefined
      ? {}
      : { middleware: { storage: [{ name: 'redirect', options: { baseurl: redirectTo } }] } }),
    ...(users === undefined ? {} : { auth: { htpasswd: await passwords(directory, users) } }),
  }
  // YAML is a superset of JSON.
  await writeFile(configPath, JSON.stringify(config))
  const daemon = new Daemon({
    command: ['docker-registry', 'serve', configPath],
    env: { OTEL_TRACES_EXPORTER: 'none' },
    within,
    logPath: join(directory, 'registry.log'),
  })
  const url = `${certificate === undefined ? 'http' : 'https'}://${host}:${port}`
  await daemon.until(async () => {
    const probe = ['curl', '--silent', '--insecure', '--output', '/dev/null', `${url}/v2/`]
    const { code } = await run(probe, { within })
    return code === 0 || undefined
  })
  return { url, daemon, stop: async () => void (await daemon.stop()) }
}

function endpointOf({ url, authorization }: NonNullable<DockerRegistryOptions['notify']>) {
  return {
    name: 'test',
    url,
    headers: { Authorization: [authorization] },
    timeout: '1s',
    threshold: 3,
    backoff: '100ms',
  }
}

async function passwords(directory: string, users: Readonly<Record<string, string>>) {
  const path = join(directory, 'htpasswd')
  const lines = await Promise.all(
    Object.entries(users).map(([user, password]) => runOk(['htpasswd', '-Bbn', user, password])),
  )
  await writeFile(path, `${lines.join('\n')}\n`)
  return { realm: 'test', path }
}
