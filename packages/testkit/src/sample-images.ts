import { bytesSource } from './blob-source.ts'
import { type Image, makeArtifact, makeAttestedIndex, makeImage } from './image.ts'
import { type Compression, type LayerContent, makeLayer } from './layer.ts'

/** Makes the image; its layers are files in `directory`, which must stay while the image is in use. */
export type ImageMaker = (directory: string) => Promise<Image>

const busybox: LayerContent = { busybox: true }
const random = (seed: string, randomBytes: number): LayerContent => ({ seed, randomBytes })

/** Images that are hard in one way each; all but `artifact` run, with a shell in them. */
export const sampleImages = {
  tiny: of([busybox]),
  /** A sandbox image for CRI: its command stays. */
  pause: async (directory) =>
    makeImage({ layers: [await makeLayer(directory, busybox)], command: ['sleep', '1000000'] }),
  multiLayer: of([busybox, random('a', 3e6), random('b', 5e6), random('c', 1e6)]),
  schema2: async (directory) =>
    makeImage({
      layers: [await makeLayer(directory, busybox), await makeLayer(directory, random('d', 1e6))],
      format: 'docker',
    }),
  zstd: of([busybox, random('e', 3e6)], 'zstd'),
  uncompressed: of([busybox, random('f', 3e6)], 'none'),
  emptyLayer: of([busybox, { files: {} }, random('g', 1e5)]),
  manyLayers: of([busybox, ...Array.from({ length: 59 }, (_, i) => random(`layer-${i}`, 20_000))]),
  smallFiles: of([busybox, { seed: 'small', count: 50_000, sizeBytes: 600 }]),
  bigLayer: of([busybox, random('big', 2 ** 30)], 'none'),
  attested: async (directory) =>
    makeAttestedIndex(await of([busybox, random('h', 1e6)])(directory)),
  artifact: () =>
    makeArtifact({
      artifactType: 'application/vnd.dragonfly.test',
      contents: [bytesSource('note')],
    }),
} satisfies Record<string, ImageMaker>

function of(contents: readonly LayerContent[], compression: Compression = 'gzip'): ImageMaker {
  return async (directory) => {
    const layers = []
    for (const content of contents) layers.push(await makeLayer(directory, content, compression))
    return makeImage({ layers })
  }
}
