import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programCommand, run } from '@df/testkit'
import { describe, expect, it, onTestFinished } from 'vitest'

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

  it.each(['supernode', 'dfdaemon'] as const)(
    'starts %s with settings that it takes',
    async (name) => {
      const { words, env } = start(`dragonfly-${name}.service`)
      expect(words).toEqual([name])
      const { code, stdout } = await run([...programCommand(name), 'config', 'print'], { env })
      expect(code).toBe(0)
      expect(stdout).toContain(`dataDir: ${env[`${name.toUpperCase()}_DATA_DIR`]}`)
    },
  )

  it('starts the watchdog with flags that it takes', async () => {
    const [program, ...words] = start('dragonfly-dfdaemon-watchdog.service').words
    expect(program).toBe('dfdaemon')
    const root = mkdtempSync(join(tmpdir(), 'df-unit-'))
    const [node = '', ...rest] = programCommand('dfdaemon')
    const child = spawn(node, [...rest, ...words, '--root', root])
    onTestFinished(() => {
      child.kill('SIGKILL')
      rmSync(root, { recursive: true })
    })
    expect(String((await once(child.stdout, 'data'))[0])).toMatch(/^ready /)
    child.kill('SIGTERM')
    expect((await once(child, 'exit'))[0]).toBe(0)
  })
})

/** The command line of a unit and the variables it sets. */
function start(unit: string): { words: string[]; env: Record<string, string> } {
  const text = readFileSync(join(directory, unit), 'utf8')
  const set = [...text.matchAll(/^Environment=(\w+)=(.+)$/gm)]
  return {
    words: /^ExecStart=(.+)$/m.exec(text)?.[1]?.split(' ') ?? [],
    env: Object.fromEntries(set.map(([, name = '', value = '']) => [name, value])),
  }
}
