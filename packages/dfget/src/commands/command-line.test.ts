import { guideCommands, guideFault } from '@df/testkit'
import { expect, test } from 'vitest'
import { parseCommandLine } from './command-line.ts'
import { parseGetOptions } from './get-options.ts'
import { parsePreheatJobsOptions, parsePreheatOptions } from './preheat-options.ts'

test.each(guideCommands('dfget'))('the guides are right: $place', async (command) => {
  expect(await guideFault(command, parse)).toBeUndefined()
})

async function parse(words: string[]): Promise<void> {
  const line = await parseCommandLine(words)
  if (line.command === 'get') parseGetOptions(line.operands, line.values)
  if (line.command === 'preheat') parsePreheatOptions(line)
  if (line.command === 'preheat jobs') parsePreheatJobsOptions(line)
}
