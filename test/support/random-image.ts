import { randomBytes } from 'node:crypto'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

export interface RandomImageOptions {
  /** `docker …`; throws when it fails. */
  docker(...args: string[]): Promise<string>
  /** For what it is made of; empty afterwards. */
  directory: string
  /** With the registry that it is pushed to. */
  image: string
  layerBytes: readonly number[]
  /** Default: an image with nothing else in it. */
  from?: string
}

/** Builds an image with layers of random bytes and pushes it, as a user does. */
export async function pushRandomImage(options: RandomImageOptions): Promise<void> {
  const { docker, directory, image, layerBytes, from = 'scratch' } = options
  const context = join(directory, 'image')
  await mkdir(context)
  for (const [i, bytes] of layerBytes.entries())
    await writeFile(join(context, `layer-${i}`), randomBytes(bytes))
  const lines = [`FROM ${from}`, ...layerBytes.map((_, i) => `COPY layer-${i} /`), '']
  await writeFile(join(context, 'Dockerfile'), lines.join('\n'))
  await docker('build', '--quiet', '--tag', image, context)
  await docker('push', '--quiet', image)
  await rm(context, { recursive: true })
}
