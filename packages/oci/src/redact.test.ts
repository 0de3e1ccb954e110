import fc from 'fast-check'
import { expect, test } from 'vitest'
import { redactUrl } from './redact.ts'

test('a URL is shown without user info, query and fragment', () => {
  expect(redactUrl('https://u:p@host:8443/a/b?X-Sig=s#f')).toBe('https://host:8443/a/b')
  expect(redactUrl(new URL('http://[::1]:5000/?t=1'))).toBe('http://[::1]:5000/')
  expect(redactUrl('/v2/a/blobs/x?sig=1')).toBe('/v2/a/blobs/x')
  expect(redactUrl('//u:p@host/x')).toBe('//host/x')
})

test('no secret of a URL is shown, well formed or not', () => {
  const scheme = fc.constantFrom('https://', 'http://', '//', 'http:', 'docker://')
  const rest = fc.stringMatching(/^[a-z0-9/.:[\]%-]{0,20}$/)
  fc.assert(
    fc.property(scheme, rest, rest, (start, host, path) => {
      expect(redactUrl(`${start}u:SECRET@${host}/${path}?q=SECRET#SECRET`)).not.toContain('SECRET')
    }),
  )
})
