import { expect, it } from 'vitest'
import { helpText, parseCommandLine } from './command-line.ts'
import { scenarios } from './scenarios.ts'

function onlyRun(words: string) {
  const request = parseCommandLine(words.split(' '))
  if (request.do !== 'run') throw new Error(`${request.do} is no run`)
  return request.runs[0]?.scenario
}

function complaintAbout(words: string): string {
  try {
    parseCommandLine(words.split(' '))
    return 'none'
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string }
    return `${message}; ${hint}`
  }
}

it('flags make a scenario', () => {
  expect(
    onlyRun('--hosts 7 --size 10MB --slow 10%:0.5:known --die 5%:2s:cut --rounds 2'),
  ).toMatchObject({
    hosts: 7,
    sizeBytes: 10_000_000,
    slow: { share: 0.1, factor: 0.5, isKnown: true },
    deaths: { share: 0.05, withinMs: 2000, way: 'cut' },
    rounds: 2,
  })
  expect(
    onlyRun('--changing 10%:0.5:300ms --zones 4 --origin 50MB/s:20ms --reader random:20%'),
  ).toMatchObject({
    changing: { share: 0.1, factor: 0.5, atMs: 300 },
    zones: { count: 4, price: 1 },
    origin: { rateBps: 50_000_000, firstByteMs: 20 },
    reader: { order: 'random', share: 0.2 },
  })
  expect(onlyRun('--supernode-loss 1s:500ms --joins poisson:30')).toMatchObject({
    supernodeLoss: { atMs: 1000, forMs: 500 },
    joins: { way: 'poisson', perSecond: 30 },
  })
})

it('a named scenario is changed by flags', () => {
  expect(onlyRun('--scenario deaths --hosts 20')).toMatchObject({
    hosts: 20,
    deaths: { share: 0.1 },
  })
  const all = parseCommandLine(['--scenario', 'all'])
  expect(all).toMatchObject({ do: 'run' })
  expect(new Set(scenarios.map(({ name }) => name)).size).toBe(scenarios.length)
})

it.each([
  ['--hots 3', /--hots.*did you mean --hosts/],
  ['--hosts three', /--hosts: 'three'/],
  ['--slow 10', /--slow: '10' is no share/],
  ['--joins later', /--joins: 'later'/],
  ['--size lots', /--size: .*lots/],
  ['--scenario deth', /'deth'.*did you mean deaths/],
  ['--hosts', /hosts/],
])('%s is told in one line', (words, says) => {
  expect(complaintAbout(words)).toMatch(says)
})

it('a picture is of one run', () => {
  expect(parseCommandLine(['--layers', '20', '--timeline', '/tmp/x.html'])).toMatchObject({
    timeline: '/tmp/x.html',
    runs: [{ scenario: { layers: 20 } }],
  })
  expect(() => parseCommandLine(['--scenario', 'all', '--timeline', 'x.html'])).toThrow(/one run/)
})

it('the help names every flag', () => {
  expect(helpText()).toContain('--supernode-loss TIME:TIME')
  expect(parseCommandLine(['--help'])).toEqual({ do: 'help' })
  expect(parseCommandLine(['--list'])).toEqual({ do: 'list' })
})
