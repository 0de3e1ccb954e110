import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createEventLog, replay } from './event-log.ts'
import type { Swarm } from './placement-policy.ts'
import { Bench, taskId } from './test-support/model.ts'
import { runSteps, steps } from './test-support/steps.ts'

function record(bench: Bench, options = { seed: 1, seedSlots: 1 }): string[] {
  const lines: string[] = []
  const log = createEventLog({ ...options, write: (line) => lines.push(line) })
  for (const { event, now } of bench.log) log.record(event, now)
  return lines
}

it('replays any recorded swarm to the same commands', () => {
  fc.assert(
    fc.property(fc.integer(), fc.integer({ min: 1, max: 3 }), steps, (seed, seedSlots, all) => {
      const bench = new Bench({ seed, seedSlots })
      runSteps(bench, all)
      expect([...replay(record(bench, { seed, seedSlots }))]).toEqual(bench.log)
    }),
  )
})

it('replays under another policy', () => {
  const lines = record(new Bench().swarm(3))
  const nobody: Swarm = {
    add: () => {},
    remove: () => {},
    update: () => {},
    setTypical: () => {},
    parentsOf: () => [],
    childrenOf: () => 0,
    takeChanged: () => [],
  }
  const turns = [...replay(lines, () => nobody)]
  expect(turns.at(-1)?.commands).toMatchObject(
    Array(3).fill({ task: taskId, parents: Array(4).fill('seed') }),
  )
})

it('has nothing to replay of an empty log', () => {
  expect([...replay([])]).toEqual([])
})

it.each([
  ['not JSON', 1, ['{']],
  ['no options', 1, ['{"now":1,"event":{"type":"tick"}}']],
  ['an unknown event', 2, ['{"seed":1,"seedSlots":1}', '{"now":1,"event":{"type":"boom"}}']],
  [
    'a wrong id',
    2,
    ['{"seed":1,"seedSlots":1}', '{"now":1,"event":{"type":"host-up","host":"x"}}'],
  ],
])('names the line that is %s', (_what, number, lines) => {
  expect(() => [...replay(lines)]).toThrow(
    expect.objectContaining({
      code: 'REQUEST_INVALID',
      message: expect.stringContaining(`line ${number} `),
    }),
  )
})
