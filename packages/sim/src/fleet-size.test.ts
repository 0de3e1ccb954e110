import { expect, it } from 'vitest'
import { defaultScenario } from './scenario.ts'
import { runScenario } from './world.ts'

// Long enough that rates are learnt on the way: hosts with spare slots were taken for slow ones.
it.each([9, 10, 11, 12, 14])(
  'a fleet of %i, multiple of the stripes or not, is done soon after the floor',
  (hosts) => {
    const scenario = { ...defaultScenario, hosts, sizeBytes: 3_000_000_000 }
    const { ratio, seedBytesPerByte } = runScenario(scenario, { clock: () => 0 })
    expect(ratio?.max).toBeLessThan(1.1)
    expect(seedBytesPerByte).toBeLessThan(1.1)
  },
)
