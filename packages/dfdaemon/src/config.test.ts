import { loadConfig } from '@df/kit'
import { describe, expect, it, test } from 'vitest'
import { daemonConfig } from './config.ts'

function load(...argv: string[]) {
  return loadConfig(daemonConfig, { argv, env: { HOME: '/home/x' }, cwd: '/work' }).config
}

describe('the command line', () => {
  it('has the documented defaults', () => {
    expect(load()).toMatchObject({
      supernode: ['http://127.0.0.1:8002'],
      upstream: 'https://registry-1.docker.io',
      registry: {},
      listen: '127.0.0.1:65001',
      peerListen: '0.0.0.0:65002',
      allowOrigin: [],
      label: {},
      preheat: { parallel: 4 },
      rightsTtl: 60_000,
      logLevel: 'info',
    })
  })

  it('is the one that scripts rely on', () => {
    const argv =
      '--supernode http://a:1,http://b:2 --upstream http://r:5000 --registry one.test=http://r:5000 --registry two.test:5000=https://two ' +
      '--listen [::1]:0 --peer-listen 10.0.0.1:65002 --advertise 10.0.0.1 --data-dir data --supernode-ca ca.pem --allow-origin s3.lan --allow-origin 10.0.0.0/8 --label zone=a --label disk=ssd --preheat.parallel 2'
    expect(load(...argv.split(' '))).toMatchObject({
      supernode: ['http://a:1', 'http://b:2'],
      upstream: 'http://r:5000',
      registry: { 'one.test': 'http://r:5000', 'two.test:5000': 'https://two' },
      listen: '[::1]:0',
      peerListen: '10.0.0.1:65002',
      advertise: '10.0.0.1',
      dataDir: '/work/data',
      supernodeCa: '/work/ca.pem',
      allowOrigin: ['s3.lan', '10.0.0.0/8'],
      label: { zone: 'a', disk: 'ssd' },
      preheat: { parallel: 2 },
    })
  })

  it('takes rules of the proxy one by one, commas and all; the environment has one a line', () => {
    const rules = ['^http://a{1,3}\\.lan/ swarm', ', direct']
    expect(load(...rules.flatMap((rule) => ['--proxy.rule', rule])).proxy.rule).toEqual(rules)
    const env = { HOME: '/home/x', DFDAEMON_PROXY__RULE: rules.join('\n') }
    const { config } = loadConfig(daemonConfig, { argv: [], env, cwd: '/work' })
    expect(config.proxy.rule).toEqual(rules)
  })

  it('says which rule of the proxy is wrong, what about it, and how to mend it', () => {
    expect(() => load('--proxy.rule', 'a swarm', '--proxy.rule', 'x swram')).toThrow(
      "proxy.rule from --proxy.rule: rule 2 'x swram': there is no action 'swram'; did you mean swarm?",
    )
  })

  it.each([
    ['--registry', 'a/b=http://x'],
    ['--upstream', 'https://user:secret@host'],
    ['--allow-origin', '10.0.0.0/99'],
    ['--advertise', 'host.lan'],
    ['--listen', 'nowhere'],
    ['--label', 'a b=c'],
    ['--label', 'zone=-'],
    ['--preheat.parallel', '0'],
    ['--supernode', 'nothing'],
    ['--rights-ttl', '2h'],
    ['--proxy.rule', '( swarm'],
    ['--proxy.rule', 'no-action'],
    ['--proxy.bypass', 'http://x'],
    ['--proxy.intercept', 'a b'],
    ['--proxy.intercept', 'registry.lan'],
    ['--proxy.ca-cert', 'ca.crt'],
    ['--cache.low-water', '99%'],
    ['--upstraem', 'http://x'],
  ])('does not take %s %s', (flag, value) => {
    expect(() => load(flag, value)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(() => load(flag, value)).not.toThrow(/secret/)
  })
})

test('the examples of the help are what the program takes', () => {
  for (const [line] of daemonConfig.examples) {
    const [program, ...argv] = line.split(' ')
    expect(program).toBe('dfdaemon')
    expect(() => load(...argv)).not.toThrow()
  }
})
