import { loadConfig } from '@df/kit'
import { describe, expect, it } from 'vitest'
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
    ['--cache.low-water', '99%'],
    ['--upstraem', 'http://x'],
  ])('does not take %s %s', (flag, value) => {
    expect(() => load(flag, value)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    expect(() => load(flag, value)).not.toThrow(/secret/)
  })
})
