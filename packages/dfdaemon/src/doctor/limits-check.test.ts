import { expect, test } from 'vitest'
import { availableMemory, judgeLimits, softLimit } from './limits-check.ts'

const GIB = 1024 ** 3
const judge = (openFiles: number | undefined, availableBytes: number | undefined) =>
  judgeLimits({ whose: 'dfdaemon (process 7)', openFiles, availableBytes })

test('enough of both is well', () => {
  expect(judge(65_536, GIB)).toEqual([
    { level: 'ok', message: 'dfdaemon (process 7) may open 65536 files' },
    { level: 'ok', message: '1 GiB of memory available' },
  ])
})

test('too few files and too little memory are warned of, with the setting', () => {
  expect(judge(1024, 100 * 1024 ** 2)).toMatchObject([
    { level: 'warning', mend: expect.stringContaining('LimitNOFILE=65536') },
    { level: 'warning', mend: expect.stringContaining('free memory') },
  ])
})

test('what the system does not tell is skipped', () => {
  expect(judge(undefined, undefined).map(({ level }) => level)).toEqual(['skipped', 'skipped'])
})

test('the texts of /proc are read', () => {
  expect(
    softLimit('Limit  Soft\nMax open files            1024         4096        files \n'),
  ).toBe(1024)
  expect(softLimit('Max open files            unlimited    unlimited   files \n')).toBe(Infinity)
  expect(softLimit('')).toBeUndefined()
  expect(availableMemory('MemTotal: 9 kB\nMemAvailable:    2048 kB\n')).toBe(2 * 1024 ** 2)
  expect(availableMemory('')).toBeUndefined()
})
