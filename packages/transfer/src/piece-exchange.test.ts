import { createServer } from 'node:http'
import { generateSigningKey, issueTicket, Keyring, ProofVerifier, TicketVerifier } from '@df/codec'
import { TokenBucket } from '@df/kit'
import {
  contentPath,
  type HostId,
  headers,
  type PiecePriority,
  pieceLength,
  type TaskId,
} from '@df/proto'
import { afterEach, describe, expect, test } from 'vitest'
import { createPieceClient } from './piece-client.ts'
import { createPieceServer } from './piece-server.ts'
import { sourceOf, TestContent } from './test-support.ts'

const task = 'a'.repeat(64) as TaskId
const host = 'b'.repeat(32) as HostId
const key = generateSigningKey()
const keyring = new Keyring()
keyring.add(key.publicKey)
const ticket = issueTicket(key, { task, host, expires: Math.ceil(Date.now() / 1000) + 60 })
const geometry = { contentLength: 10_000, pieceSize: 4096, stripes: 1 }
const subject = { task, generation: '', geometry }
const closers: (() => unknown)[] = []

afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

async function startHost(holdMs = 100) {
  const content = new TestContent({ task, key, geometry })
  const pieces = createPieceServer({
    content: sourceOf(new Map([[task, content]])),
    tickets: new TicketVerifier(keyring),
    uploads: new TokenBucket({ bps: 0 }),
    holdMs,
  })
  const server = createServer((request, response) => {
    void pieces.handle(request, response, (request.url ?? '').split('/')[3] ?? '')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  closers.push(() => {
    server.closeAllConnections()
    server.close()
  })
  return { content, server, url: `http://127.0.0.1:${port}` }
}

function startClient(url: string, silenceMs = 2000) {
  const client = createPieceClient({ verifier: new ProofVerifier(keyring), silenceMs })
  closers.push(() => client.close())
  const fetchPiece = (index: number, more: { priority?: PiecePriority; ticket?: string } = {}) =>
    client.fetch({
      parent: { host, url },
      subject,
      index,
      priority: 'tree',
      ticket,
      signal: new AbortController().signal,
      into: Buffer.alloc(pieceLength(geometry, index)),
      ...more,
    })
  return { fetchPiece }
}

describe('piece server and client', () => {
  test('every piece arrives with its proof, the short last one too', async () => {
    const { content, url } = await startHost()
    content.store(0, 1, 2)
    const { fetchPiece } = startClient(url)
    const pieces = await Promise.all([0, 1, 2].map((index) => fetchPiece(index)))
    expect(Buffer.concat(pieces.map(({ data }) => data)).equals(content.bytes)).toBe(true)
  })

  test('a request for a piece on its way is held until it comes', async () => {
    const { content, url } = await startHost(1000)
    const { fetchPiece } = startClient(url)
    const waiting = fetchPiece(1)
    setTimeout(() => content.store(1), 50)
    expect((await waiting).data).toHaveLength(4096)
  })

  test('held too long is PIECE_NOT_YET; what will not come, and repairs of what is absent, are told at once', async () => {
    const { content, url } = await startHost(50)
    const { fetchPiece } = startClient(url)
    await expect(fetchPiece(0)).rejects.toMatchObject({ code: 'PIECE_NOT_YET' })
    await expect(fetchPiece(0, { priority: 'repair' })).rejects.toMatchObject({
      code: 'PIECE_NOT_YET',
    })
    content.expected = false
    await expect(fetchPiece(0)).rejects.toMatchObject({ code: 'PIECE_ABSENT' })
  })

  test('without a ticket for the task nothing is served', async () => {
    const { content, url } = await startHost()
    content.store(0)
    const { fetchPiece } = startClient(url)
    await expect(fetchPiece(0, { ticket: '' })).rejects.toMatchObject({ code: 'TICKET_INVALID' })
    const bare = await fetch(url + contentPath(task))
    expect(bare.status).toBe(403)
    expect(await bare.text()).not.toContain(ticket)
  })

  test('wrong bytes, wrong length and a foreign proof are PIECE_INVALID', async () => {
    const { content, url } = await startHost()
    content.store(0, 1, 2)
    content.bytes[5] = (content.bytes[5] ?? 0) ^ 1
    const { fetchPiece } = startClient(url)
    await expect(fetchPiece(0)).rejects.toMatchObject({ code: 'PIECE_INVALID' })
    await expect(fetchPiece(1)).resolves.toBeDefined()
  })

  test('a silent, a refusing and a cut-off host are PARENT_FAILED within the silence limit', async () => {
    const silent = createServer(() => {})
    const cut = createServer((_request, response) => {
      response.writeHead(206, { 'content-length': 4096 })
      response.write('x', () => response.destroy())
    })
    for (const server of [silent, cut]) {
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      const { port } = server.address() as { port: number }
      closers.push(() => {
        server.closeAllConnections()
        server.close()
      })
      const { fetchPiece } = startClient(`http://127.0.0.1:${port}`, 200)
      await expect(fetchPiece(0)).rejects.toMatchObject({ code: 'PARENT_FAILED' })
    }
    const { fetchPiece } = startClient('http://127.0.0.1:1', 200)
    await expect(fetchPiece(0)).rejects.toMatchObject({ code: 'PARENT_FAILED' })
  })

  test('ranges for people: whole, part, suffix, unsatisfiable, HEAD', async () => {
    const { content, url } = await startHost()
    content.store(0, 1, 2)
    const ask = (init: { method?: string; headers?: Record<string, string> }) =>
      fetch(url + contentPath(task), {
        ...init,
        headers: { ...init.headers, [headers.ticket]: ticket },
      })
    const whole = await ask({})
    expect(whole.status).toBe(200)
    expect(Buffer.from(await whole.arrayBuffer()).equals(content.bytes)).toBe(true)
    const part = await ask({ headers: { range: 'bytes=4000-5000' } })
    expect(part.headers.get('content-range')).toBe('bytes 4000-5000/10000')
    expect(Buffer.from(await part.arrayBuffer()).equals(content.bytes.subarray(4000, 5001))).toBe(
      true,
    )
    expect((await ask({ headers: { range: 'bytes=20000-' } })).status).toBe(416)
    const head = await ask({ method: 'HEAD' })
    expect(head.headers.get('content-length')).toBe('10000')
  })
})
