import { createHash } from 'node:crypto'
import { type Digest, parseDigest } from '@df/proto'
import { describe, expect, it } from 'vitest'
import { Rights } from './rights.ts'

const one = sha256(Buffer.from('one'))
const two = sha256(Buffer.from('two'))

function rightsAt(options: { ttlMs?: number; maxEntries?: number } = {}) {
  const clock = { ms: 1000 }
  const rights = new Rights({ ttlMs: 60_000, ...options, now: () => clock.ms })
  const scope = { credential: 'x', upstream: 'https://r.test', repository: 'a/b' }
  return { clock, rights, scope }
}

describe('rights', () => {
  it('hold for the time to live and no longer', () => {
    const { clock, rights, scope } = rightsAt()
    rights.confirm(scope, [one])
    clock.ms += 59_999
    expect(rights.has(scope, one)).toBe(true)
    clock.ms += 1
    expect(rights.has(scope, one)).toBe(false)
    expect(rights.size).toBe(0)
  })

  it('are for one caller, registry, repository and blob', () => {
    const { rights, scope } = rightsAt()
    rights.confirm(scope, [one])
    expect(rights.has(scope, two)).toBe(false)
    expect(rights.has({ ...scope, credential: 'y' }, one)).toBe(false)
    expect(rights.has({ ...scope, upstream: 'https://other.test' }, one)).toBe(false)
    expect(rights.has({ ...scope, repository: 'a' }, one)).toBe(false)
  })

  it('are bounded: the oldest confirmation goes first, a repeated one is young again', () => {
    const { rights, scope } = rightsAt({ maxEntries: 2 })
    const three = sha256(Buffer.from('three'))
    rights.confirm(scope, [one])
    rights.confirm(scope, [two])
    rights.confirm(scope, [one])
    rights.confirm(scope, [three])
    expect([one, two, three].map((digest) => rights.has(scope, digest))).toEqual([
      true,
      false,
      true,
    ])
  })

  it('end at once when their time is shortened', () => {
    const { rights, scope } = rightsAt()
    rights.confirm(scope, [one])
    rights.setTtl(1000)
    expect(rights.has(scope, one)).toBe(false)
  })

  it('are not remembered at all with a time of 0', () => {
    const { rights, scope } = rightsAt({ ttlMs: 0 })
    rights.confirm(scope, [one])
    expect(rights.has(scope, one)).toBe(false)
  })

  it('keep no credential, and name it differently in every process', () => {
    const { rights } = rightsAt()
    const name = rights.credentialOf('Bearer secret')
    expect(name).not.toContain('secret')
    expect(name).toBe(rights.credentialOf('Bearer secret'))
    expect(name).not.toBe(new Rights({ ttlMs: 1 }).credentialOf('Bearer secret'))
    expect(rights.credentialOf('anonymous')).not.toBe(rights.credentialOf(undefined))
  })
})

function sha256(text: string | Uint8Array): Digest {
  return parseDigest(`sha256:${createHash('sha256').update(text).digest('hex')}`)
}
