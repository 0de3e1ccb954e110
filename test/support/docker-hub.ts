import { type Enclosure, etcOverlay, type FaultServer, makeCa, startFaultyProxy } from '@df/testkit'
import type { Lab } from './lab.ts'

export interface DockerHub {
  /** Its log tells who went past the mirror. */
  server: FaultServer
  /** Where docker.io is this one: for engines, not for our own programs. */
  within: Enclosure
}

const names = ['registry-1.docker.io', 'index.docker.io', 'auth.docker.io', 'docker.io'] as const

/** A docker.io of our own, over TLS, with the content of a registry: what engines fall back on. */
export async function startDockerHub(lab: Lab, registryUrl: string): Promise<DockerHub> {
  const directory = await lab.folder('docker-hub')
  const ca = await makeCa(directory)
  // An address that no other test run uses, since port 443 is fixed.
  const host = `127.42.${(process.pid >> 8) & 255}.${process.pid & 255}`
  const server = lab.keep(
    await startFaultyProxy({
      upstream: registryUrl,
      host,
      port: 443,
      tls: await ca.issue(...names),
    }),
  )
  const within = await etcOverlay({
    directory,
    names: Object.fromEntries(names.map((name) => [name, host])),
    env: { SSL_CERT_FILE: ca.bundlePath },
  })
  return { server, within }
}
