import { expect, it } from 'vitest'
import { locationOf } from './location.ts'

it('labels say where a host is, from the widest place to the narrowest', () => {
  expect(locationOf({ rack: 'r7', zone: 'a', region: 'eu', other: 'x' })).toEqual(['eu', 'a', 'r7'])
  expect(locationOf({ 'topology.kubernetes.io/zone': 'eu-a' })).toEqual(['eu-a'])
  expect(locationOf({ zone: '' })).toEqual([])
  expect(locationOf(undefined)).toEqual([])
})
