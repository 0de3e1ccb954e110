import { randomBytes } from 'node:crypto'
import { taskIdOf } from '@df/codec'
import type { Digest } from '@df/proto'
import { expect, onTestFinished, test } from 'vitest'
import { FakeSupernode } from '../engine/test-support.ts'
import { probeSession } from './probe-session.ts'

const terms = () => ({ program: 'probe/1', signal: AbortSignal.timeout(2000) })
const identity = {
  kind: 'blob' as const,
  digest: `sha256:${randomBytes(32).toString('hex')}` as Digest,
}
const join = { task: taskIdOf(identity), identity, url: 'http://127.0.0.1:9/v2/a/blobs/b' }

async function start(): Promise<FakeSupernode> {
  return await new FakeSupernode().start((undo) => onTestFinished(() => void undo()))
}

test('a SuperNode that welcomes is told with the address of this host on the session', async () => {
  const { url, id } = await start()
  expect(await probeSession({ url, ...terms() })).toEqual({
    supernode: id,
    localAddress: '127.0.0.1',
    failed: undefined,
  })
})

test('each probe is a host of its own, so that no session of this host is replaced', async () => {
  const supernode = await start()
  await probeSession({ url: supernode.url, ...terms() })
  await probeSession({ url: supernode.url, ...terms() })
  expect(new Set(supernode.hosts.map(({ host }) => host)).size).toBe(2)
})

test('what the SuperNode says of an origin is told', async () => {
  const supernode = await start()
  const failed = {
    type: 'failed' as const,
    task: join.task,
    code: 'ORIGIN_REFUSED',
    message: 'no',
  }
  supernode.onJoin = () => [failed]
  const probe = await probeSession({ url: supernode.url, join, ...terms() })
  expect(probe.failed).toEqual(failed)
})

test('nobody there, and nobody who answers in time', async () => {
  const gone = probeSession({ url: 'http://127.0.0.1:1', ...terms() })
  await expect(gone).rejects.toMatchObject({ code: 'SUPERNODE_UNREACHABLE' })
  const supernode = await start()
  supernode.onJoin = () => []
  const signal = AbortSignal.timeout(100)
  const slow = probeSession({ url: supernode.url, join, ...terms(), signal })
  await expect(slow).rejects.toMatchObject({ name: 'TimeoutError' })
})
