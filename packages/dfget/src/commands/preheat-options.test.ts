import { describe, expect, test } from 'vitest'
import { parseCommandLine } from './command-line.ts'
import {
  type PreheatJobsOptions,
  type PreheatOptions,
  parsePreheatJobsOptions,
  parsePreheatOptions,
} from './preheat-options.ts'

async function parse(...argv: string[]): Promise<PreheatOptions> {
  const line = await parseCommandLine(['preheat', ...argv])
  if (line.command !== 'preheat') throw new Error(`this is ${line.command}`)
  return parsePreheatOptions(line)
}

async function parseJobs(...argv: string[]): Promise<PreheatJobsOptions> {
  const line = await parseCommandLine(['preheat', ...argv])
  if (line.command !== 'preheat jobs') throw new Error(`this is ${line.command}`)
  return parsePreheatJobsOptions(line)
}

const HEX = 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'
const HOST = '0123456789abcdef0123456789abcdef'

test('an image alone goes to the SuperNode of this host, with all its platforms', async () => {
  expect(await parse('nginx:1')).toEqual({
    supernodeUrl: 'http://127.0.0.1:8002',
    supernodeCaFile: undefined,
    operatorTokenFile: undefined,
    json: false,
    request: { images: ['nginx:1'] },
    images: [{ registry: 'docker.io', repository: 'library/nginx', tag: '1' }],
    hasUrlCredentials: false,
    username: undefined,
    wait: true,
    timeoutMs: undefined,
    progress: true,
  })
})

test('every flag of images has its effect', async () => {
  const flags = [
    '--platform linux/amd64,linux/ARM64/v8 --platform windows/amd64 --referrers',
    `--label zone=a,disk=ssd --label empty= --share 12.5% --host ${HOST}`,
    '--registry r.lan=http://r.lan:5000/ --supernode https://s:8002/ --supernode-ca s.pem',
    '--operator-token-file t --username me --password-stdin --no-wait --json --timeout 5m --no-progress',
  ].flatMap((line) => line.split(' '))
  expect(await parse('r.lan/a', 'r.lan/b@sha256:'.concat(HEX), ...flags)).toMatchObject({
    supernodeUrl: 'https://s:8002',
    supernodeCaFile: 's.pem',
    operatorTokenFile: 't',
    json: true,
    request: {
      images: ['r.lan/a', `r.lan/b@sha256:${HEX}`],
      platforms: ['linux/amd64', 'linux/arm64/v8', 'windows/amd64'],
      referrers: true,
      hosts: { labels: { zone: 'a', disk: 'ssd', empty: '' }, share: 0.125, names: [HOST] },
      registries: { 'r.lan': 'http://r.lan:5000' },
    },
    username: 'me',
    wait: false,
    timeoutMs: 300_000,
    progress: false,
  })
})

test('a URL has its own flags, and no secret stays in it', async () => {
  const flags = `--digest sha256:${HEX} --tag t --application a --filter-query q`.split(' ')
  expect(await parse('https://me:pw@o/f?q=1#x', ...flags, '--header', 'X-Key: k')).toMatchObject({
    request: {
      urls: ['https://o/f?q=1'],
      digest: `sha256:${HEX}`,
      tag: 't',
      application: 'a',
      filterQuery: ['q'],
      headers: { authorization: 'Basic bWU6cHc=', 'x-key': 'k' },
    },
    hasUrlCredentials: true,
  })
})

describe('a URL holds a secret', () => {
  const signed = 'https://o/f?X-Amz-Signature=s&X-Amz-Date=d&X-Amz-Expires=1&X-Amz-Credential=c'
  test.each([
    [['https://o/f?page=2'], false],
    [[signed], true],
    [['https://o/f?key=2', '--filter-query', 'key'], true],
    [['https://o/f', '--header', 'Cookie: a=b'], true],
  ])('%j: %s', async (argv, isSecret) => {
    expect(await parse(...argv)).toMatchObject({ hasUrlCredentials: isSecret })
  })
})

test.each([
  [[], 'which images or URLs?'],
  [['Nginx'], "'Nginx' is not an image reference"],
  [['ftp://o/f'], "'ftp://o/f' is not an http or https URL"],
  [['a', '--share', '0%'], "--share: '0%' is not a share of the hosts"],
  [['a', '--share', '0.5'], "--share: '0.5' is not a share of the hosts"],
  [['a', '--share', '101%'], "--share: '101%' is not a share of the hosts"],
  [['a', '--label', 'zone'], "--label: 'zone' is not KEY=VALUE"],
  [['a', '--label', 'z=a,z=b'], '--label: two values for z'],
  [['a', '--label', 'z z=a'], '--label: keys and values are at most 63'],
  [['a', '--host', 'web1'], "--host: 'web1' is not the id of a host"],
  [['a', '--platform', 'amd64'], "--platform: 'amd64' is not a platform"],
  [['a', '--registry', 'r.lan'], "--registry: 'r.lan' is not KEY=VALUE"],
  [['a', '--registry', 'r.lan=r.lan:5000'], '--registry: '],
  [['a', '--header', 'A: b'], '--header is for URLs'],
  [['a', '--tag', 't'], '--tag is for URLs'],
  [['http://o/a', 'http://p/b', '--header', 'A: b'], '--header with URLs of several hosts'],
  [['http://me@o/a', 'http://o/b'], 'several URLs, one with a user name'],
  [['http://o/a', 'http://o/b', '--digest', `sha256:${HEX}`], '--digest is for a single URL'],
  [['a', '--username', 'me'], '--username and --password-stdin belong together'],
  [['a', '--password-stdin'], '--username and --password-stdin belong together'],
  [['a', 'r.lan/a', '--username', 'me', '--password-stdin'], '--username with several registries'],
  [['http://o/a', '--username', 'me', '--password-stdin'], '--username is for images'],
  [Array.from({ length: 1001 }, (_, at) => `a:${at}`), 'more than 1000 images and URLs'],
  [['a', '--shares', '1'], 'unknown flag --shares'],
])('%j is refused', async (argv, message) => {
  await expect(parse(...argv)).rejects.toMatchObject({ message: expect.stringContaining(message) })
})

describe('what can be done with preheats that were ordered', () => {
  const id = '0123456789abcdef'

  test('is chosen by the first word', async () => {
    expect(await parseJobs('ls')).toMatchObject({ action: 'ls', ids: [] })
    expect(await parseJobs('show', id, '--json')).toMatchObject({ action: 'show', ids: [id] })
    expect(await parseJobs('cancel', id, id)).toMatchObject({ action: 'cancel', ids: [id, id] })
  })

  test.each([
    [['ls', id], 'dfget preheat ls takes no id'],
    [['show'], 'dfget preheat show takes one id'],
    [['cancel'], 'dfget preheat cancel: which?'],
    [['show', 'nginx'], "'nginx' is not the id of a preheat"],
    [['show', id, '--share', '5%'], 'unknown flag --share'],
  ])('%j is refused', async (argv, message) => {
    await expect(parseJobs(...argv)).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    })
  })
})
