import { createHash } from 'node:crypto'
import { Keyring, ProofVerifier, taskIdOf } from '@df/codec'
import { headers, pieceCount, pieceSpan, type TaskInfo } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { bootSupernode, type RunningSupernode } from '../test-support/boot.ts'
import { TestHost } from '../test-support/host.ts'
import { type OriginBehaviour, startOrigin } from '../test-support/origin.ts'
import { blobSample, KiB, MiB, urlIdentity } from '../test-support/sample.ts'

async function isComplete(supernode: RunningSupernode, task: string): Promise<void> {
  await expect
    .poll(async () => (await supernode.get(`/api/v1/tasks/${task}`)) as TaskInfo, {
      timeout: 15_000,
    })
    .toMatchObject({ state: 'complete' })
}

/** One host pulls the blob through a fresh SuperNode; gives what it got. */
async function pull(behaviour: Partial<OriginBehaviour>, sizeBytes: number) {
  const { content, identity } = blobSample(sizeBytes)
  await using origin = await startOrigin({ content, ...behaviour })
  await using supernode = await bootSupernode()
  await using host = await TestHost.connect(supernode.url)
  const id = host.join(identity, `${origin.url}/blob`)
  const task = await host.next('task')
  await isComplete(supernode, id)
  const { body } = await host.fetch(task)
  return { same: body.equals(content), origin, task }
}

describe('the seed', () => {
  it('reads an origin once, however many hosts want it at once, and signs every piece', async () => {
    const { content, identity } = blobSample(3 * MiB + 5)
    await using origin = await startOrigin({ content })
    await using supernode = await bootSupernode()
    const hosts = await Promise.all(
      Array.from({ length: 20 }, () => TestHost.connect(supernode.url)),
    )
    for (const host of hosts) host.join(identity, `${origin.url}/blob`)
    const [task] = await Promise.all(hosts.map((host) => host.next('task')))
    await Promise.all(hosts.map((host) => host.next('plan')))

    const [reader] = hosts
    if (reader === undefined || task === undefined) throw new Error('there are no hosts')
    const { publicKey } = await reader.next('welcome')
    const keyring = new Keyring()
    keyring.add(publicKey)
    const verifier = new ProofVerifier(keyring)
    for (let index = 0; index < pieceCount(task.geometry); index++) {
      const answer = await reader.fetch(task, pieceSpan(task.geometry, index))
      const sha256 = createHash('sha256').update(answer.body).digest()
      const proof = Buffer.from(answer.headers.get(headers.proof) ?? '', 'base64url')
      expect(verifier.verify(task, index, sha256, proof)).toBe(true)
    }
    expect((await reader.fetch(task)).body.equals(content)).toBe(true)
    expect(origin.requests).toHaveLength(1)
    expect(origin.sentBytes()).toBe(content.length)
    await Promise.all(hosts.map((host) => host.close()))
  })

  it.each([0, 1, 64 * KiB - 1, 64 * KiB, 64 * KiB + 1, 16 * MiB, 16 * MiB + 1])(
    'reads %i bytes',
    async (sizeBytes) => {
      const { same, origin } = await pull({}, sizeBytes)
      expect(same).toBe(true)
      expect(origin.sentBytes()).toBe(sizeBytes)
    },
  )

  it('goes on where the origin cut it', async () => {
    const { same, origin } = await pull({ cutAfter: 300_000 }, 3 * MiB)
    expect(same).toBe(true)
    expect(origin.requests.length).toBeGreaterThan(9)
    const starts = origin.requests.map(({ range }) => Number(/\d+/.exec(range ?? '')?.[0]))
    expect(starts).toEqual([...new Set(starts)].toSorted((a, b) => a - b))
    // What was on its way when a connection broke may have to be sent again.
    expect(origin.sentBytes()).toBeLessThan(3 * MiB + origin.requests.length * 128 * KiB)
  })

  it('reads an origin without ranges in one stream, again after a cut', async () => {
    let cuts = 1
    const { same } = await pull(
      {
        noRange: true,
        before() {
          this.cutAfter = cuts-- > 0 ? MiB : Number.MAX_SAFE_INTEGER
          return undefined
        },
      },
      3 * MiB,
    )
    expect(same).toBe(true)
  })

  it.each([0, 2 * MiB + 1])('reads content of unknown length: %i bytes', async (sizeBytes) => {
    const { same, task } = await pull({ noRange: true, noLength: true }, sizeBytes)
    expect(same).toBe(true)
    expect(task.geometry.contentLength).toBe(sizeBytes)
  })

  it('starts content of unknown length over when it is cut', async () => {
    let cuts = 1
    const { same } = await pull(
      {
        noRange: true,
        noLength: true,
        before() {
          this.cutAfter = cuts-- > 0 ? MiB : Number.MAX_SAFE_INTEGER
          return undefined
        },
      },
      3 * MiB,
    )
    expect(same).toBe(true)
  })

  it('opens more connections when the origin limits each', async () => {
    const limited = await pull({ bps: 6 * MiB }, 33 * MiB)
    expect(limited.same).toBe(true)
    expect(new Set(limited.origin.requests.map(({ port }) => port)).size).toBeGreaterThan(1)
    expect(limited.origin.sentBytes()).toBe(33 * MiB)
  })

  it('goes on with fewer connections when the origin refuses further ones', async () => {
    let open = 0
    const { same } = await pull(
      {
        bps: 6 * MiB,
        before(_, response) {
          if (open > 0) {
            response.writeHead(503).end()
            return true
          }
          open++
          response.on('close', () => open--)
          return undefined
        },
      },
      33 * MiB,
    )
    expect(same).toBe(true)
  })

  it('tries again after passing errors, and gives up with the last one', async () => {
    let failures = 2
    const { same } = await pull(
      {
        before(_, response) {
          if (failures-- <= 0) return undefined
          response.writeHead(503).end()
          return true
        },
      },
      MiB,
    )
    expect(same).toBe(true)
  })

  it('goes on after an origin that fell silent', async () => {
    let stalls = 1
    const { same, origin } = await pull(
      {
        before() {
          this.stallAfter = stalls-- > 0 ? MiB : Number.MAX_SAFE_INTEGER
          return undefined
        },
      },
      3 * MiB,
    )
    expect(same).toBe(true)
    expect(origin.requests.map(({ range }) => range)).toEqual([
      `bytes=0-${16 * MiB - 1}`,
      `bytes=${MiB}-${3 * MiB - 1}`,
    ])
  })

  it('leaves content that does not fit the quota to the hosts', async () => {
    const { content, identity } = blobSample(3 * MiB)
    await using origin = await startOrigin({ content })
    await using supernode = await bootSupernode({ flags: ['--quota', '1MiB'] })
    await using host = await TestHost.connect(supernode.url)
    host.join(identity, `${origin.url}/blob`)
    expect(await host.next('failed')).toMatchObject({ code: 'DISK_FULL' })
  })

  it('leaves content of unknown length that does not fit the quota to the hosts', async () => {
    const { content, identity } = blobSample(3 * MiB)
    await using origin = await startOrigin({ content, noRange: true, noLength: true })
    await using supernode = await bootSupernode({ flags: ['--quota', '1MiB'] })
    await using host = await TestHost.connect(supernode.url)
    host.join(identity, `${origin.url}/blob`)
    expect(await host.next('failed')).toMatchObject({ code: 'DISK_FULL' })
  })

  it('starts over when the origin changes the content, and mixes nothing', async () => {
    const [old, changed] = [blobSample(20 * MiB).content, blobSample(20 * MiB).content]
    await using origin = await startOrigin({
      content: old,
      etag: '"one"',
      before(_, __, nth) {
        if (nth === 2) Object.assign(this, { content: changed, etag: '"two"' })
        return undefined
      },
    })
    await using supernode = await bootSupernode()
    await using host = await TestHost.connect(supernode.url)
    const url = `${origin.url}/file`
    const id = host.join(urlIdentity(url), url)
    const before = await host.next('task')
    const after = await host.next('task', ({ generation }) => generation !== before.generation)
    await isComplete(supernode, id)
    expect((await host.fetch(after)).body.equals(changed)).toBe(true)
  })

  it('gives up on an origin that changes the content all the time', async () => {
    const { content } = blobSample(20 * MiB)
    await using origin = await startOrigin({
      content,
      before(_, __, nth) {
        this.etag = `"${nth}"`
        return undefined
      },
    })
    await using supernode = await bootSupernode()
    await using host = await TestHost.connect(supernode.url)
    host.join(urlIdentity(`${origin.url}/file`), `${origin.url}/file`)
    expect(await host.next('failed')).toMatchObject({ code: 'CONTENT_CHANGED' })
  })

  it('asks the origin whether a file without digest is still the same, and reads it anew when not', async () => {
    const [old, changed] = [blobSample(MiB).content, blobSample(MiB + 1).content]
    await using origin = await startOrigin({ content: old, etag: '"one"' })
    await using supernode = await bootSupernode()
    const url = `${origin.url}/file`
    const pullOnce = async () => {
      await using host = await TestHost.connect(supernode.url)
      const id = host.join(urlIdentity(url), url)
      const task = await host.next('task')
      await isComplete(supernode, id)
      const { body } = await host.fetch(task)
      host.send({ type: 'leave', task: id })
      // By then the copy is not held any more.
      await new Promise((resolve) => setTimeout(resolve, 1100))
      return body
    }
    expect((await pullOnce()).equals(old)).toBe(true)
    expect((await pullOnce()).equals(old)).toBe(true)
    expect(origin.sentBytes()).toBe(old.length + 1)
    Object.assign(origin.behaviour, { content: changed, etag: '"two"' })
    expect((await pullOnce()).equals(changed)).toBe(true)
  })

  it('discards content with another digest, reads it once more, and then says so', async () => {
    const { content } = blobSample(2 * MiB)
    const { identity } = blobSample(MiB)
    await using origin = await startOrigin({ content })
    await using supernode = await bootSupernode()
    await using host = await TestHost.connect(supernode.url)
    host.join(identity, `${origin.url}/blob`)
    expect(await host.next('failed')).toMatchObject({ code: 'CONTENT_DIGEST_MISMATCH' })
    expect(origin.sentBytes()).toBe(2 * content.length)
    const { tasks } = (await supernode.get('/api/v1/tasks')) as { tasks: TaskInfo[] }
    expect(tasks).toMatchObject([{ state: 'failed', seedPieces: 0 }])
  })

  it('serves content that was wrong once under another generation', async () => {
    const { content, identity } = blobSample(2 * MiB)
    const wrong = Buffer.from(content)
    wrong[MiB] = (wrong[MiB] ?? 0) ^ 1
    await using origin = await startOrigin({
      content: wrong,
      before(_, __, nth) {
        if (nth === 2) this.content = content
        return undefined
      },
    })
    await using supernode = await bootSupernode()
    await using host = await TestHost.connect(supernode.url)
    const id = host.join(identity, `${origin.url}/blob`)
    const good = await host.next('task', ({ generation }) => generation !== '')
    await isComplete(supernode, id)
    expect((await host.fetch(good)).body.equals(content)).toBe(true)
  })

  it('reads again only what it lacks after a restart', async () => {
    const { content, identity } = blobSample(8 * MiB)
    await using first = await bootSupernode()
    await using origin = await startOrigin({ content, stallAfter: 3 * MiB })
    await using host = await TestHost.connect(first.url)
    const id = host.join(identity, `${origin.url}/blob`)
    await host.next('task')
    await expect
      .poll(async () => ((await first.get(`/api/v1/tasks/${id}`)) as TaskInfo).seedPieces)
      .toBe(48)
    await first.stop()

    origin.requests.length = 0
    delete origin.behaviour.stallAfter
    await using second = await bootSupernode({ dataDir: first.dataDir })
    await using again = await TestHost.connect(second.url)
    again.join(identity, `${origin.url}/blob`)
    const task = await again.next('task')
    await isComplete(second, id)
    expect((await again.fetch(task)).body.equals(content)).toBe(true)
    expect(origin.requests.map(({ range }) => range)).toEqual([`bytes=${3 * MiB}-${8 * MiB - 1}`])
  })

  it('needs no origin for a blob it has, and none for hosts that have all of it', async () => {
    const { content, identity } = blobSample(MiB)
    await using first = await bootSupernode()
    await using origin = await startOrigin({ content })
    await using host = await TestHost.connect(first.url)
    const id = host.join(identity, `${origin.url}/blob`)
    const { geometry } = await host.next('task')
    await isComplete(first, id)
    await first.stop()

    origin.requests.length = 0
    await using second = await bootSupernode({ dataDir: first.dataDir })
    await using again = await TestHost.connect(second.url)
    again.join(identity, `${origin.url}/blob`)
    expect((await again.fetch(await again.next('task'))).body.equals(content)).toBe(true)

    await using empty = await bootSupernode()
    await using holder = await TestHost.connect(empty.url)
    holder.join(identity, `${origin.url}/blob`, {
      geometry,
      have: `${pieceCount(geometry)}:all`,
    })
    await expect
      .poll(() => empty.get(`/api/v1/tasks/${taskIdOf(identity)}/peers`))
      .toMatchObject({
        peers: [{ complete: true }],
      })
    expect(origin.requests).toEqual([])
  })

  it('tells waiting hosts that bytes come when no piece does', async () => {
    const { content, identity } = blobSample(MiB)
    await using origin = await startOrigin({
      content,
      noRange: true,
      noLength: true,
      bps: 200 * KiB,
    })
    await using supernode = await bootSupernode()
    await using host = await TestHost.connect(supernode.url)
    host.join(identity, `${origin.url}/blob`)
    const first = await host.next('seeding')
    expect(first.bytes).toBeGreaterThan(0)
    await host.next('seeding', ({ bytes }) => bytes > first.bytes)
  })
})
