import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '@df/testkit'
import { describe, expect, it } from 'vitest'

const directory = join(import.meta.dirname, '../../deploy/systemd')
const units = readdirSync(directory)

describe('deploy/systemd', () => {
  it('has a unit for each program that stays, and the watchdog', () => {
    expect(units.sort()).toEqual([
      'dragonfly-dfdaemon-watchdog.service',
      'dragonfly-dfdaemon.service',
      'dragonfly-supernode.service',
    ])
  })

  it.each(units)('%s is exposed by at most 3.0 of 10, as systemd reckons', async (unit) => {
    const { code, stdout } = await run([
      ...['systemd-analyze', 'security', '--offline=true', '--threshold=30', '--no-pager'],
      join(directory, unit),
    ])
    expect(stdout).toContain('Overall exposure level')
    expect(code, stdout.slice(-200)).toBe(0)
  })

  it.each(units)('%s has no line that systemd does not know', async (unit) => {
    const { stderr } = await run(['systemd-analyze', 'verify', join(directory, unit)])
    // Our programs are not installed here; everything else that is said of this unit is a fault.
    const faults = stderr
      .split('\n')
      .filter((line) => line.includes(unit) && !line.includes('is not executable'))
    expect(faults).toEqual([])
  })
})
