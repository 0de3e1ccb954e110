import { isAppError } from '@df/proto'
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { parseTarget } from './target.ts'

const pathPart = fc.constantFrom(
  '/v2/',
  'a',
  'B',
  '/',
  '..',
  '%2f',
  '%00',
  'blobs',
  'manifests',
  'tags/list',
  'sha256:',
  '?',
  '&',
  '=',
  'ns=',
  '%6es=',
  'x',
  '0'.repeat(64),
  ' ',
  '#',
)
const anything = fc.oneof(
  fc.string(),
  fc.array(pathPart, { maxLength: 12 }).map((parts) => parts.join('')),
)

/** The path put to the registry, without query, or the code of what is wrong. */
function outcome(text: string): string {
  try {
    return parseTarget(text).path.split('?')[0] ?? ''
  } catch (error) {
    if (isAppError(error)) return error.code
    throw error
  }
}

it('reads any request target, or says what is wrong with it', () => {
  fc.assert(
    fc.property(anything, (text) => {
      expect(outcome(text)).toMatch(/^(ROUTE_UNKNOWN|REQUEST_INVALID|\/v2\/(?!.*\.\.).*)$/s)
    }),
    { numRuns: 1000 },
  )
})

it('takes ns out of a query, and leaves the rest as it is', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9%.~+_-]{0,8}$/)
  const parameter = fc
    .tuple(word, word)
    .map(([name, value]) => `${name}=${value}`)
    .filter((text) => new URLSearchParams(text).get('ns') === null)
  fc.assert(
    fc.property(fc.array(parameter), fc.nat(), fc.domain(), (parameters, at, host) => {
      const all = parameters.toSpliced(at % (parameters.length + 1), 0, `ns=${host}`)
      const { path, ns } = parseTarget(`/v2/_catalog?${all.join('&')}`)
      const rest = parameters.join('&')
      expect(ns).toBe(host)
      expect(path).toBe(rest === '' ? '/v2/_catalog' : `/v2/_catalog?${rest}`)
    }),
  )
})
