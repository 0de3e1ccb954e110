import { expect, test } from 'vitest'
import { isOlder, judgeVersions, versionIn } from './versions-check.ts'

const url = 'http://s'

test('programs of one release fit together', () => {
  const found = judgeVersions({
    own: '1.2.0',
    running: '1.2.0',
    supernodes: [{ url, version: '1.2.0' }],
    engines: [{ name: 'containerd', version: '1.6.20', oldest: '1.6' }],
  })
  expect(found.map(({ level }) => level)).toEqual(['ok', 'ok', 'ok'])
})

test('another release, here or there, and an old engine are warned of', () => {
  const found = judgeVersions({
    own: '1.2.0',
    running: '1.1.0',
    supernodes: [{ url, version: '1.3.0' }],
    engines: [{ name: 'containerd', version: '1.4.13', oldest: '1.6' }],
  })
  expect(found).toEqual([
    {
      level: 'warning',
      message: 'dfdaemon 1.1.0 runs, 1.2.0 is installed',
      mend: 'systemctl restart dragonfly-dfdaemon',
    },
    {
      level: 'warning',
      message: `${url}: supernode 1.3.0, and dfdaemon 1.2.0 here`,
      mend: 'install the same release on all machines and restart its programs',
    },
    {
      level: 'warning',
      message: 'containerd 1.4.13 is older than what was tested (1.6)',
      mend: 'update containerd',
    },
  ])
})

test('a SuperNode that does not say is skipped', () => {
  const [, found] = judgeVersions({
    own: '1.2.0',
    running: undefined,
    supernodes: [{ url, version: undefined }],
    engines: [],
  })
  expect(found?.level).toBe('skipped')
})

test.each([
  ['Docker version 20.10.24+dfsg1, build 297e128', '20.10.24'],
  ['containerd github.com/containerd/containerd 1.6.20~ds1 1.6.20~ds1-1+b1', '1.6.20'],
  ['containerd containerd.io v2.1.4 75cb2b7', '2.1.4'],
  ['podman version 4.3.1', '4.3.1'],
  ['crio version 1.30\n', '1.30'],
  ['nothing', undefined],
])('in %j the version is %s', (text, version) => {
  expect(versionIn(text)).toBe(version)
})

test('versions compare by number', () => {
  expect(isOlder('1.10.0', '1.6')).toBe(false)
  expect(isOlder('1.6', '1.6')).toBe(false)
  expect(isOlder('2', '1.6')).toBe(false)
  expect(isOlder('1.5.9', '1.6')).toBe(true)
})
