import { expect, it } from 'vitest'
import { timelineOf } from './timeline.ts'
import { Trace } from './trace.ts'

function traceOf(hosts: number): Trace {
  const trace = new Trace()
  for (let host = 0; host < hosts; host++) {
    trace.joined(host, 0)
    trace.progress(host, 0.5, 50)
    trace.progress(host, 1, 100)
  }
  return trace
}

function drawn(trace: Trace, name = 'run'): string {
  return timelineOf({ name, about: '', trace, startedAtMs: 0, endedAtMs: 100, floorMs: 80 })
}

it('a trace keeps when each twentieth was there', () => {
  const { hosts } = traceOf(1)
  expect(hosts.get(0)?.stepAtMs).toEqual([...Array(10).fill(50), ...Array(10).fill(100)])
})

it('each host of a small fleet has its row, a large one is sampled evenly', () => {
  expect(drawn(traceOf(7)).match(/<g>/g)).toHaveLength(7)
  const large = drawn(traceOf(2600))
  expect(large.match(/<g>/g)).toHaveLength(200)
  expect(large).toContain('host 0<')
  expect(large).toMatch(/host 25[89]\d</)
})

it('shows the floor, and marks where they happened', () => {
  const trace = traceOf(2)
  trace.mark('dies', 40, 1)
  trace.mark('supernode-stops', 60)
  const page = drawn(trace)
  expect(page).toContain('floor 80 ms')
  expect(page).toContain('host 1 dies, 40 ms')
  expect(page).toContain('SuperNode stops')
})

it('what is named in the page is text', () => {
  expect(drawn(new Trace(), '<b>&')).toContain('<h1>&lt;b&gt;&amp;</h1>')
})
