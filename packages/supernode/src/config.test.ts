import { loadConfig } from '@df/kit'
import { expect, test } from 'vitest'
import { supernodeConfig } from './config.ts'

test('the examples of the help are what the program takes', () => {
  for (const [line] of supernodeConfig.examples) {
    const [program, ...argv] = line.split(' ')
    expect(program).toBe('supernode')
    expect(() => loadConfig(supernodeConfig, { argv, env: {}, cwd: '/' })).not.toThrow()
  }
})
