import {
  AppError,
  type HostId,
  type MessageOf,
  type SupernodeMessage,
  type TaskId,
} from '@df/proto'
import { describe, expect, test } from 'vitest'
import type { SessionFacts } from './probes.ts'
import { judgeRegistry, judgeSeed } from './registry-check.ts'
import type { WebFacts } from './web-probe.ts'

const registry = 'https://registry.lan'
const answered = (status: number): WebFacts => ({ url: `${registry}/v2/`, status, body: '' })

describe('the registry as this host sees it', () => {
  test.each([200, 401])('answers %i: it is one', (status) => {
    expect(judgeRegistry({ registry, answer: answered(status) })).toEqual([
      { level: 'ok', message: `${registry}/v2/ answers ${status}` },
    ])
  })

  test('404 is no registry, 503 one in trouble', () => {
    expect(judgeRegistry({ registry, answer: answered(404) })).toMatchObject([
      { level: 'error', mend: 'mend --upstream or --registry' },
    ])
    expect(judgeRegistry({ registry, answer: answered(503) })).toMatchObject([
      { level: 'warning', mend: 'look at the log of the registry' },
    ])
  })

  test('an authority that is unknown goes into the trust of the system', () => {
    const certificate = {
      names: 'registry.lan',
      issuer: 'Our CA',
      validToMs: Date.now() + 1e10,
      untrusted: 'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    }
    const [found] = judgeRegistry({ registry, answer: { ...answered(200), certificate } })
    expect(found?.message).toContain('by Our CA, is not trusted')
    expect(found?.mend).toContain('update-ca-certificates')
  })

  test('a redirect to a guarded address names the flag that allows it', () => {
    const answer = { ...answered(307), location: 'http://storage.lan/v2/' }
    const redirectRefusal = 'storage.lan (10.0.0.8) is an address of an internal network'
    expect(judgeRegistry({ registry, answer, redirectRefusal })).toEqual([
      {
        level: 'error',
        message: `${registry} redirects: ${redirectRefusal}`,
        mend: 'add --allow-origin storage.lan',
      },
    ])
  })
})

describe('the registry as a SuperNode sees it', () => {
  const supernode = 'http://10.0.0.5:8002'
  const said = (code: string, message = 'because'): SessionFacts => {
    const failed: MessageOf<SupernodeMessage, 'failed'> = {
      type: 'failed',
      task: '00' as TaskId,
      code,
      message,
    }
    return { session: { supernode: 'ab' as HostId, localAddress: '10.0.0.7', failed } }
  }

  test.each(['ORIGIN_NOT_FOUND', 'ORIGIN_UNAUTHORIZED', 'ORIGIN_FORBIDDEN'])(
    '%s about a blob that cannot exist shows that it can be read',
    (code) => {
      expect(judgeSeed({ registry, supernode, session: said(code) }).level).toBe('ok')
    },
  )

  test.each([
    ['ORIGIN_REFUSED', 'error', 'start supernode with --allow-origin registry.lan'],
    ['ORIGIN_TLS', 'error', 'start supernode with --origin-ca FILE, the authority of the registry'],
    ['ORIGIN_UNREACHABLE', 'error', "let the SuperNode's machine connect to registry.lan"],
    ['ORIGIN_FAILED', 'warning', 'look at the log of the SuperNode'],
  ])('%s is an %s that says: %s', (code, level, mend) => {
    expect(judgeSeed({ registry, supernode, session: said(code) })).toMatchObject({ level, mend })
  })

  test('a SuperNode that gives no answer leaves it open', () => {
    const error = new AppError('TIMEOUT', 'too late')
    expect(judgeSeed({ registry, supernode, session: { error } })).toEqual({
      level: 'skipped',
      message: `whether ${supernode} can read ${registry}: too late`,
    })
  })
})
