import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseRegistryPath } from './registry-path.ts'

const digest = `sha256:${'0f'.repeat(32)}`
const words = fc.constantFrom(
  'blobs',
  'manifests',
  'tags',
  'list',
  'referrers',
  'uploads',
  'a',
  'b-c',
)
const name = fc.array(words, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/'))

test('a repository is told from what follows, even when its components look like the API', () => {
  fc.assert(
    fc.property(name, (repository) => {
      expect(parseRegistryPath(`/v2/${repository}/manifests/1.0`)).toEqual({
        kind: 'manifest',
        repository,
        reference: '1.0',
      })
      expect(parseRegistryPath(`/v2/${repository}/blobs/${digest}?ns=docker.io`)).toEqual({
        kind: 'blob',
        repository,
        digest,
      })
      expect(parseRegistryPath(`/v2/${repository}/tags/list?n=5`)).toEqual({
        kind: 'tags',
        repository,
      })
    }),
  )
})

test('whatever is understood holds no dot segment, escape, capital or empty component', () => {
  const near = fc
    .array(
      fc.constantFrom('v2', '..', '.', '', '%2e%2e', '%2F', 'A', 'a', 'blobs', 'tags', digest),
      {
        maxLength: 8,
      },
    )
    .map((parts) => `/${parts.join('/')}`)
  fc.assert(
    fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (path) => {
      const parsed = parseRegistryPath(path)
      const repository = parsed !== undefined && 'repository' in parsed ? parsed.repository : 'a'
      expect(repository).toMatch(/^[a-z0-9]+([._/-]+[a-z0-9]+)*$/)
      expect(repository).not.toMatch(/\.\.|\/\/|\/\.|\.\//)
    }),
  )
})

test.each([
  ['/v2/', { kind: 'base' }],
  ['/v2', { kind: 'base' }],
  ['/v2/?ns=docker.io', { kind: 'base' }],
  ['/v2/_catalog?n=3', { kind: 'catalog' }],
  [`/v2/a/manifests/${digest}`, { kind: 'manifest', repository: 'a', reference: digest }],
  [`/v2/a/blobs/sha256%3A${'0f'.repeat(32)}`, { kind: 'blob', repository: 'a', digest }],
  [`/v2/a/b/referrers/${digest}`, { kind: 'referrers', repository: 'a/b', digest }],
  ['/v2/a/blobs/uploads/', { kind: 'uploads', repository: 'a' }],
  ['/v2/a/blobs/uploads/0b1c-2', { kind: 'uploads', repository: 'a' }],
])('%s is %j', (path, expected) => {
  expect(parseRegistryPath(path)).toEqual(expected)
})

test.each([
  '',
  '/',
  '/v1/',
  '/v2//manifests/1',
  '/v2/manifests/1',
  '/v2/a/manifests/',
  '/v2/a/manifests/.hidden',
  '/v2/a/manifests/1/',
  '/v2/a/../b/manifests/1',
  '/v2/a/%2e%2e/b/manifests/1',
  '/v2/a%2Fb/manifests/1',
  '/v2/a\\b/manifests/1',
  '/v2/A/manifests/1',
  '/v2/a/manifests/sha256:abc',
  '/v2/a/blobs/latest',
  '/v2/a/blobs/..',
  '/v2/a/tags/all',
  '/v2/_other',
  `/v2/${'a'.repeat(256)}/manifests/1`,
  `/v2/${'a/'.repeat(1000)}manifests/1`,
  `/v2/a/manifests/${'1'.repeat(200)}`,
  'http://host/v2/a/manifests/1',
])('%s is not in the API', (path) => {
  expect(parseRegistryPath(path)).toBeUndefined()
})
