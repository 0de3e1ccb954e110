import { loadConfig } from '@df/kit'
import { guideCommands, guideFault } from '@df/testkit'
import { expect, test } from 'vitest'
import { supernodeConfig } from './config.ts'

test('the examples of the help are what the program takes', () => {
  for (const [line] of supernodeConfig.examples) {
    const [program, ...argv] = line.split(' ')
    expect(program).toBe('supernode')
    expect(() => loadConfig(supernodeConfig, { argv, env: {}, cwd: '/' })).not.toThrow()
  }
})

test.each(guideCommands('supernode'))('the guides are right: $place', async (command) => {
  const load = (words: string[]) => {
    const argv = words[0] === 'config' ? words.slice(2) : words
    loadConfig(supernodeConfig, { argv, env: {}, cwd: '/' })
  }
  expect(await guideFault(command, load)).toBeUndefined()
})
