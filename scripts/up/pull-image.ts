import { createHash } from 'node:crypto'

interface Manifest {
  config: { digest: string }
  layers: { digest: string }[]
}

/**
 * Pulls an image as a container engine does, keeping nothing, and checks every digest. Gives the bytes of its blobs.
 * @throws Error when the mirror refuses or content is wrong
 */
export async function pullImage(
  mirrorUrl: string,
  repository: string,
  tag: string,
): Promise<number> {
  const base = `${mirrorUrl}/v2/${repository}`
  const answer = await fetch(`${base}/manifests/${tag}`, {
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
  })
  if (!answer.ok) throw new Error(`${mirrorUrl} answers ${answer.status}: ${await answer.text()}`)
  const manifest = (await answer.json()) as Manifest
  const digests = [manifest.config, ...manifest.layers].map(({ digest }) => digest)
  const sizes = await Promise.all(
    digests.map((digest) => pullBlob(`${base}/blobs/${digest}`, digest)),
  )
  return sizes.reduce((sum, size) => sum + size, 0)
}

async function pullBlob(url: string, digest: string): Promise<number> {
  const answer = await fetch(url)
  if (!answer.ok || !answer.body) throw new Error(`${url}: ${answer.status}`)
  const hash = createHash('sha256')
  let size = 0
  for await (const chunk of answer.body) {
    hash.update(chunk)
    size += chunk.byteLength
  }
  if (`sha256:${hash.digest('hex')}` !== digest) throw new Error(`${url}: wrong content`)
  return size
}
