import { join } from 'node:path'
import { Daemon, type FaultRule, type NetworkHost, type RegistryAuth, runOk } from '@df/testkit'

/** The test registry as a process on a host of a test network. */
export interface NetworkRegistry {
  url: string
  daemon: Daemon
  /** Digest of the blob that a reference was generated with. */
  blob(reference: string): string
  setFaults(...rules: FaultRule[]): Promise<void>
  /** Bytes of a blob that it sent so far. */
  bytesSent(digest: string): Promise<number>
  stop(): Promise<void>
}

export interface NetworkRegistryOptions {
  /** Reference (`library/a:1`) → bytes of the one blob that it holds. */
  blobs: Readonly<Record<string, number>>
  auth?: RegistryAuth
  /** Makes the content of the blobs another one. */
  seed?: string
}

const program = join(import.meta.dirname, '../../packages/testkit/dist/registry-main.js')
const port = 5000

export async function startNetworkRegistry(
  host: NetworkHost,
  { blobs, auth, seed = 'blob' }: NetworkRegistryOptions,
): Promise<NetworkRegistry> {
  const daemon = new Daemon({
    command: [
      process.execPath,
      program,
      ...['--host', host.address, '--port', String(port)],
      ...Object.entries(blobs).flatMap(([reference, bytes]) => [
        '--generate',
        `${reference}=${seed}-${reference.replaceAll(/\W/g, '-')}:${bytes}`,
      ]),
      ...(auth === undefined ? [] : ['--auth', JSON.stringify(auth)]),
    ],
    within: host.within,
  })
  const url = `http://${host.address}:${port}`
  const held = await daemon.until(() => /^\[.*\](?=\n)/m.exec(daemon.stdout)?.[0], 60_000)
  const digests = new Map(
    (JSON.parse(held) as { reference: string; blobs: string[] }[]).map(({ reference, blobs }) => [
      reference,
      blobs[0] ?? '',
    ]),
  )
  const control = (path: string, ...args: string[]) =>
    runOk(['curl', '--silent', '--fail', ...args, `${url}${path}`], { within: host.within })

  return {
    url,
    daemon,
    blob(reference) {
      const digest = digests.get(reference)
      if (digest === undefined) throw new Error(`nothing was generated as ${reference}`)
      return digest
    },
    setFaults: async (...rules) =>
      void (await control('/_faults', '--request', 'PUT', '--data', JSON.stringify(rules))),
    async bytesSent(digest) {
      const log = JSON.parse(await control('/_log')) as LogEntry[]
      return log
        .filter(
          ({ url: path, status }) => path.includes(digest) && (status === 200 || status === 206),
        )
        .reduce((sum, { sentBytes }) => sum + sentBytes, 0)
    },
    stop: async () => void (await daemon.stop()),
  }
}

interface LogEntry {
  url: string
  status: number
  sentBytes: number
}
