import type { TaskId } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ownersOf } from './owner.ts'

const names = fc.uniqueArray(fc.webUrl(), { minLength: 1, maxLength: 6 })
const tasks = fc
  .array(fc.constantFrom(...'0123456789abcdef'.split('')), { minLength: 64, maxLength: 64 })
  .map((digits) => digits.join('') as TaskId)

describe('ownersOf', () => {
  test('is an order of all names that does not depend on how they are listed', () => {
    fc.assert(
      fc.property(names, tasks, (list, task) => {
        const owners = ownersOf(task, list)
        expect(owners.toSorted()).toEqual(list.toSorted())
        expect(ownersOf(task, list.toReversed())).toEqual(owners)
      }),
    )
  })

  test('losing a name moves only its own tasks', () => {
    fc.assert(
      fc.property(names, tasks, (list, task) => {
        const owners = ownersOf(task, list)
        const lost = list[0]
        const left = ownersOf(task, list.slice(1))
        expect(left).toEqual(owners.filter((name) => name !== lost))
      }),
    )
  })
})
