import { AppError, type HostId } from '@df/proto'
import { expect, test } from 'vitest'
import type { SessionFacts } from './probes.ts'
import { judgeSupernode } from './supernode-check.ts'
import type { WebFacts } from './web-probe.ts'

const url = 'http://10.0.0.5:8002'
const health: WebFacts = { url: `${url}/healthz`, status: 200, body: 'ok\n' }
const session: SessionFacts = {
  session: { supernode: 'ab' as HostId, localAddress: '10.0.0.7', failed: undefined },
}

test('a SuperNode that opens sessions is well, and what a plain link costs is told', () => {
  expect(judgeSupernode({ url, health, session })).toEqual([
    {
      level: 'ok',
      message: `${url}: opens sessions without TLS: hosts read private images at the registry themselves`,
    },
  ])
})

test('one that is gone is an error, with how to start it', () => {
  const gone: WebFacts = { ...health, failure: { stage: 'connect', code: 'ECONNREFUSED' } }
  expect(judgeSupernode({ url, health: gone })).toEqual([
    {
      level: 'error',
      message: '10.0.0.5:8002: nothing listens there',
      mend: 'start it (supernode --listen 0.0.0.0:8002 on 10.0.0.5), or mend --supernode',
    },
  ])
})

test('another protocol version means another release', () => {
  const error = new AppError('PROTOCOL_UNSUPPORTED', 'this SuperNode speaks protocol version 2')
  expect(judgeSupernode({ url, health, session: { error } })).toEqual([
    {
      level: 'error',
      message: `${url}: this SuperNode speaks protocol version 2`,
      mend: 'install the same release of dfdaemon and supernode',
    },
  ])
})

test('a server that is something else, and one whose proxy passes no WebSocket, are told apart', () => {
  const error = new AppError('SUPERNODE_UNREACHABLE', 'Unexpected server response: 404')
  const [other] = judgeSupernode({ url, health: { ...health, status: 404 }, session: { error } })
  expect(other?.message).toBe(`${url}: is no SuperNode (/healthz says 404)`)
  const [proxied] = judgeSupernode({ url, health, session: { error } })
  expect(proxied?.message).toContain('answers /healthz, but opens no session')
  expect(proxied?.mend).toContain('WebSocket upgrades')
})
