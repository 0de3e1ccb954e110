import { createHash } from 'node:crypto'
import type { Digest } from '@df/proto'
import { describe, expect, test } from 'vitest'
import type { FileOutput } from '../output/file-output.ts'
import type { Output } from '../output/output.ts'
import type { Download } from '../sources/download.ts'
import { Delivery } from './delivery.ts'

const { signal } = new AbortController()
const broken = new Error('broken')

/** An output in memory. */
class Sink {
  readonly kind: 'file' | 'stream'
  text = ''

  constructor(kind: 'file' | 'stream') {
    this.kind = kind
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.text += Buffer.from(chunk).toString()
  }

  async restart(): Promise<void> {
    this.text = ''
  }

  /** Delivery uses no more of a file than this. */
  get output(): Output {
    return this as unknown as FileOutput
  }
}

/** Gives `text` in chunks of three from where it is asked, and breaks after `breakAt`. */
function download(text: string, breakAt = text.length): Download & { starts: number[] } {
  const starts: number[] = []
  return {
    starts,
    via: 'peer',
    contentLength: text.length,
    async *read(start) {
      starts.push(start)
      for (let at = start; at < breakAt; at += 3) {
        yield Buffer.from(text.slice(at, Math.min(at + 3, breakAt)))
      }
      if (breakAt < text.length) throw broken
    },
    received: () => undefined,
    efficiency: async () => undefined,
    close: async () => {},
  }
}

function sha256(text: string): Digest {
  return `sha256:${createHash('sha256').update(text).digest('hex')}` as Digest
}

const text = 'abcdefghijklmnopqrstuvwxyz'

describe.each(['file', 'stream'] as const)('a %s', (kind) => {
  test.each([undefined, sha256(text)])('gets what one way gives (digest %s)', async (digest) => {
    const sink = new Sink(kind)
    const delivery = new Delivery({ output: sink.output, digest })
    await delivery.copy(download(text), signal)
    delivery.check()
    expect(sink.text).toBe(text)
    expect(delivery.bytes).toBe(text.length)
  })

  test('with a digest goes on where the first way broke off', async () => {
    const sink = new Sink(kind)
    const delivery = new Delivery({ output: sink.output, digest: sha256(text) })
    await expect(delivery.copy(download(text, 10), signal)).rejects.toBe(broken)
    const second = download(text)
    await delivery.copy(second, signal)
    delivery.check()
    expect(second.starts).toEqual([10])
    expect(sink.text).toBe(text)
  })

  test('is told when the digest is another one', async () => {
    const delivery = new Delivery({ output: new Sink(kind).output, digest: sha256('other') })
    await delivery.copy(download(text), signal)
    expect(() => delivery.check()).toThrow(
      expect.objectContaining({ code: 'CONTENT_DIGEST_MISMATCH' }),
    )
  })
})

test('a file without a digest starts over, and is never a mix', async () => {
  const sink = new Sink('file')
  const delivery = new Delivery({ output: sink.output, digest: undefined })
  await expect(delivery.copy(download('ABCDEFGHIJKL', 10), signal)).rejects.toBe(broken)
  await delivery.copy(download(text), signal)
  expect(sink.text).toBe(text)
  expect(delivery.bytes).toBe(text.length)
})

test('a file starts over when the content turns out to be shorter', async () => {
  const sink = new Sink('file')
  const delivery = new Delivery({ output: sink.output, digest: sha256('abc') })
  await expect(delivery.copy(download(text, 10), signal)).rejects.toBe(broken)
  await delivery.copy(download('abc'), signal)
  delivery.check()
  expect(sink.text).toBe('abc')
})

describe('a stream without a digest', () => {
  test.each([1, 10, 25])(
    'goes on after %i bytes when the same ones come again',
    async (breakAt) => {
      const sink = new Sink('stream')
      const delivery = new Delivery({ output: sink.output, digest: undefined })
      await expect(delivery.copy(download(text, breakAt), signal)).rejects.toBe(broken)
      const second = download(text)
      await delivery.copy(second, signal)
      expect(second.starts).toEqual([0])
      expect(sink.text).toBe(text)
    },
  )

  test.each(['ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abc'])(
    'fails rather than mix two contents: %s',
    async (other) => {
      const sink = new Sink('stream')
      const delivery = new Delivery({ output: sink.output, digest: undefined })
      await expect(delivery.copy(download(text, 10), signal)).rejects.toBe(broken)
      await expect(delivery.copy(download(other), signal)).rejects.toMatchObject({
        code: 'CONTENT_CHANGED',
      })
      expect(sink.text).toBe(text.slice(0, 10))
    },
  )
})
