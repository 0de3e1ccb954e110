import { join } from 'node:path'
import {
  makeImage,
  makeLayer,
  startProgram,
  startRegistry,
  type TempDirectory,
  type TestRegistry,
  tempDirectory,
} from '@df/testkit'
import { table } from '../../bench/support/table.ts'
import { pullImage } from './pull-image.ts'

const repository = 'library/demo'
const layerBytes = [8e6, 20e6, 12e6]
const hostCount = 3

/** Pulls an image on three hosts of this machine at once, and prints who sent the bytes. Leaves nothing behind. */
export async function runDemo(): Promise<void> {
  await using directory = await tempDirectory()
  await using running = new AsyncDisposableStack()
  const registry = await startRegistry()
  running.defer(() => registry.stop())
  const imageBytes = await fill(registry, directory)
  console.log(
    `A registry with an image of ${megabytes(imageBytes)}, a SuperNode and ${hostCount} hosts …`,
  )

  const start = async (program: 'supernode' | 'dfdaemon', name: string, args: string[]) => {
    const started = await startProgram({
      program,
      args: ['--listen', '127.0.0.1:0', '--data-dir', join(directory.path, name), ...args],
    })
    running.defer(async () => void (await started.daemon.stop()))
    return started
  }
  const supernode = await start('supernode', 'supernode', ['--allow-origin', '127.0.0.1'])
  const supernodeUrl = supernode.urls[0] ?? ''
  const hosts = await Promise.all(
    Array.from({ length: hostCount }, (_, index) =>
      start('dfdaemon', `host-${index + 1}`, [
        ...['--supernode', supernodeUrl, '--upstream', registry.url],
        ...['--peer-listen', '127.0.0.1:0', '--advertise', '127.0.0.1'],
      ]),
    ),
  )
  const mirrors = hosts.map(({ addresses }) => addresses.get('mirror') ?? '')

  const startedAt = performance.now()
  await Promise.all(mirrors.map((mirror) => pullImage(mirror, repository, '1')))
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  const received = await Promise.all(mirrors.map(receivedBy))

  const read = registry.blobBytesSent()
  console.log(`… pulled it in ${seconds} s, every digest right.\n`)
  console.log(
    table(
      ['host', 'from other hosts', 'from the SuperNode', 'from the registry'],
      received.map(({ peers, seed, origin }, index) => [
        `host ${index + 1}`,
        ...[peers, seed, origin].map(megabytes),
      ]),
    ),
  )
  console.log(`
The registry sent ${megabytes(read)} in all: ${(read / imageBytes).toFixed(2)}× the image instead of ${hostCount}×.`)
}

async function fill(registry: TestRegistry, directory: TempDirectory): Promise<number> {
  const layers = []
  for (const [index, randomBytes] of layerBytes.entries())
    layers.push(await makeLayer(directory.path, { randomBytes, seed: `layer ${index}` }))
  const image = makeImage({ layers })
  registry.content.addImage(`${repository}:1`, image)
  return image.blobs.reduce((sum, { source }) => sum + source.sizeBytes, 0)
}

interface Received {
  peers: number
  seed: number
  origin: number
}

async function receivedBy(mirrorUrl: string): Promise<Received> {
  const answer = await fetch(`${mirrorUrl}/api/v1/tasks`)
  const { tasks } = (await answer.json()) as { tasks: { received: Received }[] }
  const sum = (source: keyof Received) =>
    tasks.reduce((total, { received }) => total + received[source], 0)
  return { peers: sum('peers'), seed: sum('seed'), origin: sum('origin') }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`
}
