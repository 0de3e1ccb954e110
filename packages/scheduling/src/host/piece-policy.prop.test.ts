import type { Geometry, HostId } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type InFlight, nextFetches, type PolicyView } from './piece-policy.ts'

const hostOf = (n: number) => n.toString(16).padStart(32, '0') as HostId
const seed = hostOf(999)

function viewOf(options: {
  pieces: number
  stripes?: number
  have?: number[]
  open?: InFlight[]
  parents?: HostId[]
  spares?: HostId[]
  avoided?: HostId[]
  lacking?: HostId[]
  urgent?: { start: number; end: number }[]
}): PolicyView {
  const { pieces, stripes = 4 } = options
  const geometry: Geometry = { contentLength: pieces * 1024, pieceSize: 1024, stripes }
  const have = new Set(options.have)
  const open = options.open ?? []
  return {
    geometry,
    pieces,
    has: (index) => have.has(index),
    firstMissing: (from) => {
      let index = from
      while (index < pieces && have.has(index)) index++
      return index
    },
    newest: Math.max(-1, ...(options.have ?? [])),
    parents: options.parents ?? [1, 2, 3, 4].slice(0, stripes).map(hostOf),
    spares: options.spares ?? [hostOf(5), hostOf(6)],
    seed,
    inFlight: (index) => open.filter((fetch) => fetch.index === index),
    open,
    avoided: (host) => options.avoided?.includes(host) === true,
    lacks: (host) => options.lacking?.includes(host) === true,
    urgent: options.urgent ?? [],
    piecesPer60Ms: 0,
    saturated: false,
  }
}

describe('nextFetches', () => {
  test('at the start each stripe asks its parent for its next three pieces, oldest first', () => {
    const fetches = nextFetches(viewOf({ pieces: 100 }))
    expect(fetches.map(({ index }) => index)).toEqual([0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11])
    for (const { index, from, priority } of fetches) {
      expect(from).toBe(hostOf((index % 4) + 1))
      expect(priority).toBe('tree')
    }
  })

  test('a stripe whose parent is avoided is asked of somebody else; of the seed when nobody is left', () => {
    const all = [1, 2, 3, 4, 5, 6].map(hostOf)
    const one = nextFetches(viewOf({ pieces: 100, avoided: [hostOf(1)] }))
    expect(one.filter(({ index }) => index % 4 === 0)).toHaveLength(3)
    expect(one.map(({ from }) => from)).not.toContain(hostOf(1))
    const none = nextFetches(viewOf({ pieces: 100, avoided: all }))
    expect(new Set(none.map(({ from }) => from))).toEqual(new Set([seed]))
    expect(nextFetches(viewOf({ pieces: 100, avoided: [...all, seed] }))).toEqual([])
  })

  test('repairs begin when a stripe lags by twelve rounds, oldest first, at neighbours, the seed last', () => {
    const others = Array.from({ length: 60 }, (_, index) => index).filter(
      (index) => index % 4 !== 0,
    )
    const open: InFlight[] = [0, 4, 8].map((index) => ({
      index,
      from: hostOf(1),
      priority: 'tree',
    }))
    const lagging = viewOf({ pieces: 100, have: others, open })
    const repairs = nextFetches(lagging).filter(({ priority }) => priority === 'repair')
    expect(repairs.map(({ index }) => index)).toEqual([0, 4, 8, 12])
    for (const { from } of repairs) expect([1, 999].map(hostOf)).not.toContain(from)
    const neighbours = [2, 3, 4, 5, 6].map(hostOf)
    const bySeed = nextFetches(viewOf({ pieces: 100, have: others, open, lacking: neighbours }))
    const froms = bySeed.filter(({ priority }) => priority === 'repair').map(({ from }) => from)
    expect(new Set(froms)).toEqual(new Set([seed]))
    expect(
      nextFetches({ ...lagging, saturated: true }).some(({ priority }) => priority === 'repair'),
    ).toBe(false)
  })

  test('what a reader waits for goes first', () => {
    const fetches = nextFetches(viewOf({ pieces: 400, urgent: [{ start: 201, end: 209 }] }))
    const urgent = fetches.filter(({ priority }) => priority === 'urgent').map(({ index }) => index)
    expect(urgent.toSorted((a, b) => a - b)).toEqual([201, 202, 203, 204, 205, 206, 207, 208])
    expect(fetches).toHaveLength(12)
  })

  test('never a piece that is here or asked already, never twice, never more than the windows, whatever the state', () => {
    const state = fc.record({
      pieces: fc.integer({ min: 0, max: 200 }),
      stripes: fc.constantFrom(1, 4),
      have: fc.uniqueArray(fc.nat(199)),
      openAt: fc.uniqueArray(fc.nat(199), { maxLength: 16 }),
      avoided: fc.uniqueArray(fc.integer({ min: 1, max: 6 }).map(hostOf)),
      start: fc.nat(199),
    })
    fc.assert(
      fc.property(state, ({ pieces, stripes, have, openAt, avoided, start }) => {
        const open = openAt
          .filter((index) => index < pieces && !have.includes(index))
          .map((index): InFlight => ({ index, from: hostOf(1), priority: 'tree' }))
        const view = viewOf({
          pieces,
          stripes,
          have: have.filter((index) => index < pieces),
          open,
          avoided,
          urgent: [{ start, end: Math.min(pieces, start + 8) }],
        })
        const fetches = nextFetches(view)
        const tree = fetches.filter(({ priority }) => priority !== 'repair')
        expect(new Set(tree.map(({ index }) => index)).size).toBe(tree.length)
        for (const { index, from } of fetches) {
          expect(index).toBeLessThan(pieces)
          expect(view.has(index)).toBe(false)
          expect(avoided).not.toContain(from)
        }
        for (const { index } of tree) expect(view.inFlight(index)).toEqual([])
        for (let stripe = 0; stripe < stripes; stripe++) {
          expect(tree.filter(({ index }) => index % stripes === stripe).length).toBeLessThanOrEqual(
            8,
          )
        }
        expect(fetches.length - tree.length).toBeLessThanOrEqual(4)
      }),
    )
  })

  test('something is always asked while something lacks, somebody is left and nothing is open', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.uniqueArray(fc.nat(199)),
        fc.uniqueArray(fc.integer({ min: 1, max: 6 }).map(hostOf)),
        (pieces, have, avoided) => {
          const view = viewOf({ pieces, have: have.filter((index) => index < pieces), avoided })
          const lacks = view.firstMissing(0) < pieces
          expect(nextFetches(view).length > 0).toBe(lacks)
        },
      ),
    )
  })
})
