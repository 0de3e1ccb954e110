import { expect, it } from 'vitest'
import { type Lock, lockProblems } from '../scripts/check-lock.ts'

const integrity = 'sha512-x'

it('finds a platform package that is missing from the lock', () => {
  const lock: Lock = {
    packages: {
      '': {},
      'node_modules/tool': { integrity, optionalDependencies: { 'tool-linux': '1.0.0' } },
    },
  }
  expect(lockProblems(lock, [])).toEqual([
    'node_modules/tool wants tool-linux, which is not in the lock',
  ])
})

it('accepts a platform package beside its package or in a folder above', () => {
  const tool = { integrity, optionalDependencies: { 'tool-linux': '1.0.0' } }
  const lock: Lock = {
    packages: {
      'node_modules/tool': tool,
      'node_modules/tool-linux': { integrity },
      'node_modules/other/node_modules/tool': tool,
      'packages/own': { optionalDependencies: { 'tool-linux': '1.0.0' } },
    },
  }
  expect(lockProblems(lock, [])).toEqual([])
})

it('finds a package without a checksum, but asks none of our own', () => {
  const lock: Lock = {
    packages: {
      'node_modules/tool': { version: '1.0.0' },
      'node_modules/@df/kit': { link: true },
      'packages/kit': {},
    },
  }
  expect(lockProblems(lock, [])).toEqual(['node_modules/tool has no checksum'])
})

it('finds an open version range', () => {
  const manifest = { name: 'own', dependencies: { a: '1.2.3', b: '^1.2.3' } }
  expect(lockProblems({ packages: {} }, [manifest])).toEqual([
    'own wants b ^1.2.3: not an exact version',
  ])
})
