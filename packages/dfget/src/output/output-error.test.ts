import { expect, test } from 'vitest'
import { outputError } from './output-error.ts'

const cases = [
  ['ENOSPC', 'DISK_FULL', "no space left for 'f'"],
  ['EDQUOT', 'DISK_FULL', "no space left for 'f'"],
  ['ENOENT', 'OUTPUT_FAILED', "cannot write 'f': there is no folder '/d'"],
  ['EACCES', 'OUTPUT_FAILED', "cannot write 'f': no right to write in '/d'"],
  ['EROFS', 'OUTPUT_FAILED', "cannot write 'f': '/d' is read-only"],
  ['EIO', 'OUTPUT_FAILED', "cannot write 'f': EIO!"],
] as const

test.each(cases)('%s is told as %s', (errno, code, message) => {
  const cause = Object.assign(new Error(`${errno}!`), { code: errno })
  expect(outputError(cause, { name: 'f', folder: '/d' })).toMatchObject({ code, message, cause })
})
