import { expect, test } from 'vitest'
import {
  isExempt,
  judgeProxies,
  type ProxyFacts,
  proxyVariables,
  unitEnvironment,
} from './proxy-check.ts'

const engine = (variables: Record<string, string>, where = 'dockerd (process 7)') => ({
  where,
  variables: proxyVariables(Object.entries(variables)),
})
const facts = (over: Partial<ProxyFacts>): ProxyFacts => ({
  mirror: '10.0.0.7:65001',
  engines: [],
  hidden: [],
  own: new Map(),
  ...over,
})

test('a mirror on another address than loopback must be in NO_PROXY', () => {
  expect(judgeProxies(facts({ engines: [engine({ HTTP_PROXY: 'http://p:3128' })] }))).toEqual([
    {
      level: 'warning',
      message:
        'dockerd (process 7): HTTP_PROXY is set, and the mirror 10.0.0.7:65001 would be asked through it',
      mend: 'add 10.0.0.7 to NO_PROXY there, and restart the engine',
    },
  ])
  const exempt = engine({ http_proxy: 'http://p:3128', NO_PROXY: 'lan, 10.0.0.0/8' })
  expect(judgeProxies(facts({ engines: [exempt] }))).toMatchObject([{ level: 'ok' }])
})

test('Go asks loopback addresses directly whatever HTTP_PROXY says', () => {
  const found = judgeProxies(
    facts({ mirror: '127.0.0.1:65001', engines: [engine({ HTTP_PROXY: 'http://p:3128' })] }),
  )
  expect(found).toMatchObject([{ level: 'ok' }])
})

test('dfdaemon itself as the proxy is well, and HTTPS_PROXY does not concern a plain mirror', () => {
  const own = engine({ HTTP_PROXY: 'http://10.0.0.7:65001' })
  const secure = engine({ HTTPS_PROXY: 'http://p:3128' })
  expect(judgeProxies(facts({ engines: [own] }))).toMatchObject([
    { level: 'ok', message: 'dockerd (process 7): HTTP_PROXY is dfdaemon' },
  ])
  expect(judgeProxies(facts({ engines: [secure] }))).toMatchObject([{ level: 'ok' }])
})

test('an environment that only root may read is skipped', () => {
  expect(judgeProxies(facts({ hidden: ['dockerd (process 7)'] }))).toMatchObject([
    { level: 'skipped', message: 'the environment of dockerd (process 7): only root may read it' },
  ])
})

test('a proxy of our own environment is not used, and no word of it is printed', () => {
  const own = new Map([['HTTPS_PROXY', 'http://user:secret@p:3128']])
  const [found] = judgeProxies(facts({ own }))
  expect(found).toMatchObject({ level: 'warning' })
  expect(JSON.stringify(found)).not.toContain('secret')
})

test.each([
  ['10.0.0.7', '*', true],
  ['10.0.0.7', '10.0.0.7:65001', true],
  ['10.0.0.7', '10.1.0.0/16', false],
  ['fd00::7', 'fd00::/8', true],
  ['mirror.lan', 'lan', true],
  ['mirror.lan', '.lan', true],
  ['mirror.lan', '*.lan', true],
  ['mirrorlan', 'lan', false],
  ['10.0.0.7', '', false],
])('%s is exempt by NO_PROXY=%s: %s', (host, noProxy, expected) => {
  expect(isExempt(host, noProxy)).toBe(expected)
})

test('Environment= lines of units are read as systemd reads them', () => {
  const unit = `[Service]\nEnvironment="HTTP_PROXY=http://p:3128" 'NO_PROXY=a,b' X=1\n#Environment=Y=2\n`
  expect(unitEnvironment(unit)).toEqual(['HTTP_PROXY=http://p:3128', 'NO_PROXY=a,b', 'X=1'])
})
