import { isAppError } from '@df/proto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  familiarReference,
  formatReference,
  type ImageReference,
  parseReference,
} from './reference.ts'

const hex = 'a1'.repeat(32)
const digest = `sha256:${hex}`

const component = fc.stringMatching(/^[a-z0-9]{1,5}([._]|__|-{1,3})?[a-z0-9]{1,5}$/)
const path = fc.array(component, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'))
const port = fc.option(fc.integer({ min: 1, max: 65_535 }))
const host = fc.oneof(
  fc.domain(),
  fc.ipV4(),
  fc.ipV6().map((address) => `[${address}]`),
  fc.constant('localhost'),
)
const registry = fc.tuple(host, port).map(([name, p]) => (p === null ? name : `${name}:${p}`))
const tag = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/)

const reference = fc
  .record(
    { registry, repository: path, tag, digest: fc.constant(digest) },
    { requiredKeys: ['registry', 'repository'] },
  )
  .map((parts) => parts as ImageReference)

test('the full and the familiar form of a reference read back as that reference', () => {
  fc.assert(
    fc.property(reference, (parts) => {
      expect(parseReference(formatReference(parts))).toEqual(parts)
      expect(parseReference(familiarReference(parts))).toEqual(parts)
    }),
  )
})

test('references of docker.io read back from their familiar form', () => {
  fc.assert(
    fc.property(path, fc.boolean(), tag, (repository, isOfficial, label) => {
      const parts = {
        registry: 'docker.io',
        repository: isOfficial || !repository.includes('/') ? `library/${repository}` : repository,
        tag: label,
      }
      expect(parseReference(familiarReference(parts))).toEqual(parts)
    }),
  )
})

test('any text is a reference that reads back, or is refused with a code', () => {
  const near = fc.stringMatching(/^[a-zA-Z0-9.:/@_[\]-]{0,60}$/)
  fc.assert(
    fc.property(fc.oneof(fc.string({ unit: 'binary' }), near), (text) => {
      const outcome = attempt(() => parseReference(text))
      expect(
        outcome instanceof Error
          ? isAppError(outcome, 'NAME_INVALID') || isAppError(outcome, 'DIGEST_INVALID')
          : parseReference(formatReference(outcome)),
      ).toEqual(outcome instanceof Error ? true : outcome)
    }),
  )
})

function attempt(run: () => ImageReference): ImageReference | Error {
  try {
    return run()
  } catch (error) {
    return error as Error
  }
}

test.each([
  ['busybox', 'docker.io/library/busybox', 'busybox'],
  ['busybox:1', 'docker.io/library/busybox:1', 'busybox:1'],
  ['library/busybox', 'docker.io/library/busybox', 'busybox'],
  ['docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['index.docker.io/busybox', 'docker.io/library/busybox', 'busybox'],
  ['index.docker.io/user/x', 'docker.io/user/x', 'user/x'],
  ['user/x', 'docker.io/user/x', 'user/x'],
  ['localhost/x', 'localhost/x', 'localhost/x'],
  ['LOCAL/x', 'LOCAL/x', 'LOCAL/x'],
  ['host:5000/x', 'host:5000/x', 'host:5000/x'],
  ['[::1]:5000/a/b:c', '[::1]:5000/a/b:c', '[::1]:5000/a/b:c'],
  ['docker.io/a.b/x', 'docker.io/a.b/x', 'docker.io/a.b/x'],
  [`docker.io/library/${hex}:1`, `docker.io/library/${hex}:1`, `docker.io/library/${hex}:1`],
  [`x:1@${digest}`, `docker.io/library/x:1@${digest}`, `x:1@${digest}`],
  [`host/x@${digest}`, `docker.io/host/x@${digest}`, `host/x@${digest}`],
])('%s is %s, for people %s', (text, full, familiar) => {
  const parsed = parseReference(text)
  expect(formatReference(parsed)).toBe(full)
  expect(familiarReference(parsed)).toBe(familiar)
})

test.each([
  '',
  ':1',
  'x:',
  'x@',
  'x@sha256:abc',
  'Busybox',
  'a//b',
  '/a',
  'a/',
  'a/../b',
  'a___b',
  'x:-tag',
  `x:${'t'.repeat(129)}`,
  `host/${'a'.repeat(256)}`,
  hex,
  'host:99999/x',
  'host:/x',
  '-host.io/x',
  '[::1/x',
  '[::1%25eth0]/x',
  '[zz]:1/x',
  'user@host/x',
  'https://host/x',
  'a'.repeat(5000),
])('%s is refused', (text) => {
  expect(() => parseReference(text)).toThrow(
    expect.objectContaining({ code: expect.stringMatching(/^(NAME|DIGEST)_INVALID$/) }),
  )
})
