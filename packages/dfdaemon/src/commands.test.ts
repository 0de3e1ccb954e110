import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '@df/kit'
import { allGuideBlocks, guideCommands, guideFault, tempDirectory } from '@df/testkit'
import { expect, test } from 'vitest'
import { daemonCommands } from './commands.ts'
import { daemonConfig } from './config.ts'
import { ProxyRules } from './proxy/rules.ts'

const commands = daemonCommands(() => {})

/** Throws when dfdaemon does not take these words. */
function check(words: readonly string[]): void {
  const where = { env: {}, cwd: '/' }
  // The file of settings that guides name is not there.
  const argv = words.filter((word, at) => word !== '--config' && words[at - 1] !== '--config')
  const command = commands.find(({ name }) => name === argv[0])
  if (command !== undefined) command.check(argv.slice(1), where)
  else if (argv[0] === 'config') loadConfig(daemonConfig, { argv: argv.slice(2), ...where })
  else if (argv[0] !== 'completion') loadConfig(daemonConfig, { argv, ...where })
}

test.each(commands.flatMap(({ examples }) => examples.map(([line]) => line)))(
  'the example %s is what it takes',
  (line) => {
    expect(() => check(line.split(' ').slice(1))).not.toThrow()
  },
)

test.each(guideCommands('dfdaemon'))('the guides are right: $place', async (command) => {
  expect(await guideFault(command, check)).toBeUndefined()
})

test('files of settings in the guides are ones it reads', async () => {
  await using temp = await tempDirectory()
  const keys = new Set(daemonConfig.settings.map(({ key }) => `${key.split('.')[0]}:`))
  const files = allGuideBlocks().filter((block) => keys.has(block.split('\n', 1)[0] ?? ''))
  expect(files.length).toBeGreaterThan(0)
  const path = join(temp.path, 'dfdaemon.yaml')
  for (const text of files) {
    writeFileSync(path, text)
    const where = { argv: ['--config', path], env: {}, cwd: '/' }
    expect(() => loadConfig(daemonConfig, where), text).not.toThrow()
  }
})

test("the rules of the proxy's guide do what it says, in a file and as flags", async () => {
  await using temp = await tempDirectory()
  const path = join(temp.path, 'dfdaemon.yaml')
  writeFileSync(path, allGuideBlocks().find((block) => block.startsWith('proxy:')) ?? '')
  const decide = (argv: string[], url: string) => {
    const { proxy } = loadConfig(daemonConfig, { argv, env: {}, cwd: '/' }).config
    const { way, url: asked } = new ProxyRules(proxy.rule).decide(new URL(url))
    return [way, asked.href]
  }
  const file = ['--config', path]
  const [archive, old] = ['https://files.lan/a.tar.gz', 'http://old-registry.lan/v2/']
  expect(decide(file, archive)).toEqual(['swarm', archive])
  expect(decide(file, old)).toEqual([undefined, 'https://registry.lan/v2/'])
  expect(decide(file, 'https://a.example.org/')[0]).toBe('refuse')
  const flags = guideCommands('dfdaemon').find(({ words }) => words.includes('--proxy.rule'))
  expect(decide(flags?.words ?? [], 'http://files.lan/a.iso')[0]).toBe('swarm')
  expect(decide(flags?.words ?? [], 'http://files.lan/private/a')[0]).toBe('direct')
})
