import { expect, test } from 'vitest'
import { HealthTimer } from './health-timer.ts'

function verdicts(looks: readonly (readonly [isHealthy: boolean, atMs: number])[]): string {
  const timer = new HealthTimer({ afterMs: 30, backMs: 10 })
  return looks.map(([isHealthy, atMs]) => timer.observe(isHealthy, atMs)).join(' ')
}

test('it is down only after all of the time, without a good moment in between', () => {
  expect(
    verdicts([
      [false, 0],
      [false, 29],
      [true, 29],
      [false, 30],
      [false, 59],
      [false, 60],
    ]),
  ).toBe('unsure unsure unsure unsure unsure down')
})

test('it is up again only after a while', () => {
  expect(
    verdicts([
      [false, 0],
      [false, 30],
      [true, 31],
      [true, 40],
      [true, 41],
    ]),
  ).toBe('unsure down unsure unsure up')
})
