import { expect, test } from 'vitest'
import { defaultDataDir } from './data-dir.ts'

test('root keeps its files below /var/lib', () => {
  expect(defaultDataDir('supernode', { XDG_DATA_HOME: '/x' }, 0)).toBe(
    '/var/lib/dragonfly/supernode',
  )
})

test('others keep them where XDG says, if that is an absolute path, else in the home directory', () => {
  expect(defaultDataDir('dfget', { XDG_DATA_HOME: '/x' }, 1000)).toBe('/x/dragonfly/dfget')
  expect(defaultDataDir('dfget', { XDG_DATA_HOME: 'x', HOME: '/home/u' }, 1000)).toBe(
    '/home/u/.local/share/dragonfly/dfget',
  )
})
