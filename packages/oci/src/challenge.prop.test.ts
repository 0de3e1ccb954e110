import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type Challenge, parseChallenges } from './challenge.ts'

const word = fc.stringMatching(/^[A-Za-z][A-Za-z0-9!#$%&'*+.^_`|~-]{0,8}$/)
const value = fc.string({ unit: fc.constantFrom(...'ab ,="\\:/?&é\t'.split('')) })
const space = fc.constantFrom('', ' ', '\t', '  ')

const challenge: fc.Arbitrary<Challenge> = fc.oneof(
  fc.record({
    scheme: word.map((name) => name.toLowerCase()),
    parameters: fc
      .array(
        fc.tuple(
          word.map((name) => name.toLowerCase()),
          value,
        ),
        { maxLength: 4 },
      )
      .map((pairs) => new Map(pairs)),
  }),
  fc.record({
    scheme: word.map((name) => name.toLowerCase()),
    parameters: fc.constant(new Map()),
    token68: fc.stringMatching(/^[A-Za-z0-9._~+/-]{1,20}={0,2}$/),
  }),
)

function format({ scheme, parameters, token68 }: Challenge, pad: string): string {
  const pairs = [...parameters].map(([name, text]) => `${name}${pad}=${pad}${quote(text)}`)
  const rest = token68 ?? pairs.join(`${pad},${pad}`)
  return rest === '' ? scheme.toUpperCase() : `${scheme.toUpperCase()} ${rest}`
}

const quote = (text: string) =>
  /^[A-Za-z0-9]+$/.test(text) ? text : `"${text.replace(/["\\]/g, '\\$&')}"`

test('challenges read back as they were written, in one field or in several', () => {
  fc.assert(
    fc.property(fc.array(challenge, { maxLength: 4 }), space, (challenges, pad) => {
      const fields = challenges.map((one) => format(one, pad))
      expect(parseChallenges(fields)).toEqual(challenges)
      expect(parseChallenges(fields.join(`${pad},${pad}, `))).toEqual(challenges)
    }),
  )
})

test('no text makes the parser throw, and no name has a capital', () => {
  const near = fc.string({ unit: fc.constantFrom(...'aB ,="\\\t/'.split('')), maxLength: 60 })
  fc.assert(
    fc.property(fc.oneof(near, fc.string({ unit: 'binary' })), (text) => {
      const names = parseChallenges(text).flatMap((one) => [one.scheme, ...one.parameters.keys()])
      expect(names.join()).toBe(names.join().toLowerCase())
    }),
  )
})

const bearer = (parameters: Record<string, string>) => ({
  scheme: 'bearer',
  parameters: new Map(Object.entries(parameters)),
})

test.each([
  [undefined, []],
  ['', []],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
    [
      bearer({
        realm: 'https://auth.docker.io/token',
        service: 'registry.docker.io',
        scope: 'repository:a/b:pull,push',
      }),
    ],
  ],
  [
    'Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"',
    [
      {
        scheme: 'newauth',
        parameters: new Map([
          ['realm', 'apps'],
          ['type', '1'],
          ['title', 'Login to "apps"'],
        ]),
      },
      { scheme: 'basic', parameters: new Map([['realm', 'simple']]) },
    ],
  ],
  ['Bearer REALM=a, realm=b', [bearer({ realm: 'a' })]],
  ['Bearer realm="a" service="b"', []],
  [
    'Negotiate, Bearer realm=a',
    [{ scheme: 'negotiate', parameters: new Map() }, bearer({ realm: 'a' })],
  ],
  ['Basic realm="never closed', []],
  ['Bearer realm=a, "what"', [bearer({ realm: 'a' })]],
  [`Bearer realm="${'a'.repeat(20_000)}"`, []],
])('%s is %j', (field, expected) => {
  expect(parseChallenges(field)).toEqual(expected)
})
