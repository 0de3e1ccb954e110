import { describe, expect, it } from 'vitest'
import type { Leaf } from './authority.ts'
import { LeafCache } from './leaf-cache.ts'
import { PinnedClients } from './pinned-clients.ts'

describe('clients that refused our certificate', () => {
  it('are remembered for a while, each for itself', () => {
    let now = 0
    const clients = new PinnedClients({ ttlMs: 100, now: () => now })
    expect(clients.refused('one', { told: true })).toBe(true)
    expect([clients.has('one'), clients.has('other')]).toEqual([true, false])
    now = 101
    expect(clients.has('one')).toBe(false)
  })

  it('are not those that took it before and only left, unless they say so', () => {
    const clients = new PinnedClients()
    clients.accepted('docker')
    expect(clients.refused('docker', { told: false })).toBe(false)
    expect(clients.has('docker')).toBe(false)
    expect(clients.refused('docker', { told: true })).toBe(true)
    expect(clients.refused('new', { told: false })).toBe(true)
  })

  it('are bounded, the oldest go first', () => {
    const clients = new PinnedClients({ maxEntries: 2 })
    for (const name of ['a', 'b', 'c']) clients.refused(name, { told: true })
    expect([clients.size, clients.has('a'), clients.has('c')]).toEqual([2, false, true])
  })
})

describe('certificates made on demand', () => {
  it('are kept and shared, and made anew before they expire', async () => {
    const { cache, issued, clock } = leaves({ lifeMs: 10 * 86_400_000 })
    await Promise.all([cache.leafFor('a'), cache.leafFor('a')])
    expect(issued).toEqual(['a'])
    clock.ms = 8 * 86_400_000
    await cache.leafFor('a')
    expect(issued).toEqual(['a'])
    clock.ms = 9 * 86_400_000 + 1
    await cache.leafFor('a')
    expect(issued).toEqual(['a', 'a'])
  })

  it('are bounded; what was used last stays', async () => {
    const { cache, issued } = leaves({ maxEntries: 2 })
    for (const name of ['a', 'b', 'a', 'c', 'a', 'b']) await cache.leafFor(name)
    expect([cache.size, issued]).toEqual([2, ['a', 'b', 'c', 'b']])
  })

  it('that could not be made are tried again', async () => {
    const { cache, issued } = leaves({ failures: 1 })
    await expect(cache.leafFor('a')).rejects.toThrow('not now')
    await cache.leafFor('a')
    expect(issued).toEqual(['a', 'a'])
  })
})

function leaves({ lifeMs = 86_400_000, maxEntries = 10, failures = 0 }) {
  const issued: string[] = []
  const clock = { ms: 0 }
  let left = failures
  const authority = {
    async issue(name: string): Promise<Leaf> {
      issued.push(name)
      if (left-- > 0) throw new Error('not now')
      return { cert: '', key: '', expiresAtMs: clock.ms + lifeMs }
    },
  }
  return { cache: new LeafCache({ authority, maxEntries, now: () => clock.ms }), issued, clock }
}
