import { expect, it } from 'vitest'
import { shareableOf } from './shareable.ts'

const good = { 'content-length': '100000', etag: '"a"', 'accept-ranges': 'bytes' }

it('a file of known length and state is shared', () => {
  expect(verdict({})).toMatchObject({ sizeBytes: 100_000, etag: '"a"', takesRanges: true })
  expect(verdict({ vary: 'Accept-Encoding, Origin', 'cache-control': 'max-age=60' })).toBeDefined()
  expect(verdict({ etag: undefined, 'last-modified': 'yesterday' })).toBeDefined()
})

it.each([
  [{ 'content-length': undefined }],
  [{ 'content-length': '5' }],
  [{ etag: undefined }],
  [{ 'set-cookie': 'x=y' }],
  [{ 'content-encoding': 'gzip' }],
  [{ 'cache-control': 'max-age=1, no-store' }],
  [{ 'cache-control': 'Private' }],
  [{ vary: 'Cookie' }],
  [{ vary: '*' }],
])('an answer with %j is its caller’s own', (fields) => {
  expect(verdict(fields)).toBeUndefined()
})

it('an answer from elsewhere, or another than 200, is none to share', () => {
  expect(shareableOf({ status: 200, redirected: true, headers: good })).toBeUndefined()
  expect(shareableOf({ status: 404, redirected: false, headers: good })).toBeUndefined()
})

function verdict(fields: Record<string, string | undefined>) {
  const all = Object.entries({ ...good, ...fields }).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value] as const],
  )
  return shareableOf({ status: 200, redirected: false, headers: Object.fromEntries(all) })
}
