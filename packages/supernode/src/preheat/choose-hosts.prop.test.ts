import type { HostId } from '@df/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Candidate, chooseHosts, substitute } from './choose-hosts.ts'

const candidates = fc.uniqueArray(fc.nat(200), { maxLength: 40 }).map((numbers) =>
  numbers.map(
    (number): Candidate => ({
      host: number.toString(16).padStart(32, '0') as HostId,
      labels: { zone: number % 2 === 0 ? 'even' : 'odd' },
    }),
  ),
)
const share = fc.double({ min: 0.01, max: 1, noNaN: true })

test('a share of the hosts that fit is chosen, the same whatever their order', () => {
  fc.assert(
    fc.property(candidates, share, (all, part) => {
      const wanted = { labels: { zone: 'even' }, share: part }
      const fitting = all.filter(({ labels }) => labels['zone'] === 'even')
      const chosen = chooseHosts(wanted, all, 'key')
      expect(chosen).toHaveLength(Math.ceil(part * fitting.length - 1e-9))
      expect(fitting.map(({ host }) => host)).toEqual(expect.arrayContaining(chosen))
      expect(chooseHosts(wanted, all.toReversed(), 'key')).toEqual(chosen)
      const by = substitute(wanted, all, { key: 'key', chosen })
      expect(by === undefined).toBe(chosen.length === fitting.length)
      expect(chosen).not.toContain(by)
    }),
  )
})

test('hosts that are named are chosen also while they are away', () => {
  const name = 'f'.repeat(32) as HostId
  expect(chooseHosts({ names: [name, name] }, [], 'key')).toEqual([name])
  expect(chooseHosts({ names: [name], labels: { a: 'b' } }, [], 'key')).toEqual([])
})
