import {
  type DockerRegistry,
  type DockerRegistryOptions,
  generatedSource,
  makeArtifact,
  pushImage,
  startDockerRegistry,
} from '@df/testkit'

/** Debian's docker-registry with blobs of random content. */
export interface BlobRegistry extends DockerRegistry {
  /** URL of each blob, in order. */
  blobs: readonly { url: string; digest: string }[]
  /** Bytes of a blob that it sent so far, as its access log tells. */
  bytesSent(digest: string): number
}

export interface BlobRegistryOptions extends Omit<DockerRegistryOptions, 'port'> {
  count: number
  blobBytes: number
}

const repository = 'bench/blob'

/** Filled on loopback first, since the machine does not reach the networks of the bench. */
export async function startBlobRegistry(options: BlobRegistryOptions): Promise<BlobRegistry> {
  const { count, blobBytes, directory, ...place } = options
  const filling = await startDockerRegistry({ directory })
  const digests: string[] = []
  for (let index = 0; index < count; index++) {
    const contents = [generatedSource(`${process.pid} ${Date.now()} ${index}`, blobBytes)]
    const artifact = await makeArtifact({
      artifactType: 'application/vnd.dragonfly.bench',
      contents,
    })
    await pushImage(filling.url, `${repository}:${index}`, artifact)
    digests.push(artifact.blobs.at(-1)?.digest ?? '')
  }
  await filling.stop()

  const registry = await startDockerRegistry({ directory, ...place, port: 5000 })
  return {
    ...registry,
    blobs: digests.map((digest) => ({
      digest,
      url: `${registry.url}/v2/${repository}/blobs/${digest}`,
    })),
    bytesSent: (digest) =>
      [...registry.daemon.stdout.matchAll(/"GET (\S+) HTTP\/1.1" (200|206) (\d+)/g)]
        .filter(([, path = '']) => path.includes(digest))
        .reduce((sum, [, , , bytes]) => sum + Number(bytes), 0),
  }
}
