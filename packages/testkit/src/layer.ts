import { execFileSync } from 'node:child_process'
import { createHash, type Hash } from 'node:crypto'
import { createWriteStream, existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, type Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip, createZstdCompress } from 'node:zlib'
import { type Digest, parseDigest } from '@df/proto'
import { type Header, type Pack, pack } from 'tar-stream'
import { type BlobSource, bytesSource, fileSource, generatedSource } from './blob-source.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** What is in a layer; the same content and compression always give the same bytes. */
export type LayerContent =
  /** Path → content. */
  | { files: Readonly<Record<string, string | Uint8Array>> }
  /** One incompressible file. */
  | { randomBytes: number; seed: string }
  /** Many files of `sizeBytes` each, 100 to a folder. */
  | { count: number; sizeBytes: number; seed: string }
  /** A static busybox with links for its applets: what an image needs to run. `path` when it lies elsewhere. */
  | { busybox: true; path?: string }

export interface Layer {
  name: string
  compression: Compression
  digest: Digest
  /** Digest of the tar before compression. */
  diffId: Digest
  source: BlobSource
}

interface Entry {
  header: Partial<Header> & Pick<Header, 'name'>
  content?: BlobSource
}

/** Makes a layer as a file in `directory`; memory stays small whatever its size. */
export async function makeLayer(
  directory: string,
  content: LayerContent,
  compression: Compression = 'gzip',
): Promise<Layer> {
  const name = nameOf(content)
  const path = join(directory, `${name}.tar${{ gzip: '.gz', zstd: '.zst', none: '' }[compression]}`)
  const [plain, packed] = [createHash('sha256'), createHash('sha256')]
  const tar = pack()
  const written = pipeline(
    coalesce(tar as AsyncIterable<Buffer>),
    tap(plain),
    compressor(compression),
    tap(packed),
    createWriteStream(path),
  )
  await Promise.all([written, writeEntries(tar, await entriesOf(content))])
  return {
    name,
    compression,
    digest: digestText(packed),
    diffId: digestText(plain),
    source: await fileSource(path),
  }
}

function nameOf(content: LayerContent): string {
  const { path: _path, ...identity } = { path: '', ...content }
  const hash = createHash('sha256').update(JSON.stringify(identity)).digest('hex')
  return `${Object.keys(identity)[0]}-${hash.slice(0, 12)}`
}

function compressor(compression: Compression): Transform {
  if (compression === 'gzip') return createGzip({ level: 1, chunkSize: 256 * 1024 })
  return compression === 'zstd' ? createZstdCompress() : new PassThrough()
}

/** A tar of small files comes in tiny chunks, and each stage costs more than their bytes. */
async function* coalesce(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let heldBytes = 0
  for await (const chunk of chunks) {
    held.push(chunk)
    heldBytes += chunk.length
    if (heldBytes < 256 * 1024) continue
    yield Buffer.concat(held)
    held = []
    heldBytes = 0
  }
  yield Buffer.concat(held)
}

function tap(hash: Hash): (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* (chunks) {
    for await (const chunk of chunks) {
      hash.update(chunk)
      yield chunk
    }
  }
}

function digestText(hash: Hash): Digest {
  return parseDigest(`sha256:${hash.digest('hex')}`)
}

async function writeEntries(tar: Pack, entries: Iterable<Entry>): Promise<void> {
  for (const entry of entries) await writeEntry(tar, entry)
  tar.finalize()
}

async function writeEntry(tar: Pack, { header, content }: Entry): Promise<void> {
  const { promise: written, resolve, reject } = Promise.withResolvers<void>()
  const size = content?.sizeBytes ?? 0
  const sink = tar.entry({ type: 'file', mtime: new Date(0), ...header, size }, (error) =>
    error ? reject(error) : resolve(),
  )
  for await (const chunk of content?.read(0, size) ?? [])
    if (!sink.write(chunk)) await new Promise<void>((drained) => sink.once('drain', drained))
  sink.end(undefined)
  await written
}

async function entriesOf(content: LayerContent): Promise<Iterable<Entry>> {
  if ('files' in content) return Object.entries(content.files).map(fileEntry)
  if ('busybox' in content) return await busyboxEntries(content.path)
  if ('count' in content) return manyEntries(content)
  const { seed, randomBytes } = content
  return [{ header: { name: `data/${seed}` }, content: generatedSource(seed, randomBytes) }]
}

function fileEntry([name, content]: [string, string | Uint8Array]): Entry {
  return { header: { name }, content: bytesSource(content) }
}

function* manyEntries(content: {
  count: number
  sizeBytes: number
  seed: string
}): Iterable<Entry> {
  const { count, sizeBytes, seed } = content
  for (let i = 0; i < count; i++)
    yield {
      header: { name: `${seed}/d${Math.floor(i / 100)}/f${i}` },
      content: generatedSource(`${seed}/${i}`, sizeBytes),
    }
}

async function busyboxEntries(path = findBusybox()): Promise<Entry[]> {
  const applets = execFileSync(path, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  return [
    { header: { name: 'bin/busybox', mode: 0o755 }, content: bytesSource(await readFile(path)) },
    ...applets
      .filter((applet) => applet !== 'busybox')
      .map(
        (applet): Entry => ({
          header: { name: `bin/${applet}`, type: 'symlink', linkname: 'busybox' },
        }),
      ),
    { header: { name: 'tmp', type: 'directory', mode: 0o1777 } },
    { header: { name: 'etc/passwd' }, content: bytesSource('root:x:0:0:root:/:/bin/sh\n') },
  ]
}

function findBusybox(): string {
  const path = ['/bin/busybox', '/usr/bin/busybox'].find((candidate) => existsSync(candidate))
  if (path === undefined) throw new Error('no busybox on this machine: install busybox-static')
  return path
}
