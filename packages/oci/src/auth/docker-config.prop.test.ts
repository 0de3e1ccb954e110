import { isAppError } from '@df/proto'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loginKeys, parseDockerConfig } from './docker-config.ts'

const host = fc.stringMatching(/^[a-z][a-z0-9]{0,8}\.(lan|io)(:[1-9][0-9]{0,3})?$/)
const username = fc.string({ minLength: 1, unit: 'grapheme' }).filter((text) => !text.includes(':'))
const password = fc.string({ unit: 'grapheme' }).filter((text) => !text.endsWith('\0'))
const encoded = (name: string, secret: string) =>
  Buffer.from(`${name}:${secret}`).toString('base64')

function refusalOf(text: string): unknown {
  try {
    parseDockerConfig(text)
    return undefined
  } catch (error) {
    return error
  }
}

describe('parseDockerConfig', () => {
  test('gives back the names and passwords that were written, whatever characters they have', () => {
    fc.assert(
      fc.property(host, username, password, fc.boolean(), (registry, name, secret, isUrl) => {
        const key = isUrl ? `https://${registry}/v1/` : registry
        const text = JSON.stringify({ auths: { [key]: { auth: encoded(name, secret) } } })
        expect(parseDockerConfig(text).logins).toEqual(
          new Map([[registry, { username: name, password: secret }]]),
        )
      }),
    )
  })

  test('refuses what is no configuration with CONFIG_INVALID, and never quotes it', () => {
    const secret = 'hunter2hunter2'
    const value = fc.oneof(
      fc.jsonValue().map((json) => JSON.stringify(json)),
      fc.string(),
      fc
        .record({
          auths: fc.oneof(fc.jsonValue(), fc.dictionary(host, fc.jsonValue())),
          credHelpers: fc.jsonValue(),
          credsStore: fc.jsonValue(),
        })
        .map((json) => JSON.stringify(json)),
      fc.constantFrom(
        `{"auths":{"r.lan":{"auth":"${secret}!"}}}`,
        `{"auths":{"r.lan":{"auth":["${secret}"]}}}`,
        `{"auths":{"r.lan":"${secret}"}}`,
        `{"auths":{"r.lan":{"auth":"x"}},"credsStore":"../${secret}"`,
        `{"credsStore":"../${secret}"}`,
      ),
    )
    fc.assert(
      fc.property(value, (text) => {
        const error = refusalOf(text)
        expect(error === undefined || isAppError(error, 'CONFIG_INVALID')).toBe(true)
        expect(String(error)).not.toContain(secret)
      }),
    )
  })

  test('knows every form that docker and podman write', () => {
    const config = parseDockerConfig(
      JSON.stringify({
        auths: {
          'https://index.docker.io/v1/': { auth: encoded('hub', 'p:w') },
          'quay.io/team/app': { auth: encoded('robot', 'secret\0\0') },
          'plain.lan:5000': { username: 'me', password: 'pw' },
          'bearer.lan': { registrytoken: 'abc' },
          'oauth.lan': { auth: encoded('someone', ''), identitytoken: 'refresh' },
          'helped.lan': {},
        },
        credHelpers: { 'gcr.io': 'gcloud', 'off.lan': '' },
        credsStore: 'secretservice',
        HttpHeaders: { 'User-Agent': 'docker' },
      }),
    )
    expect(Object.fromEntries(config.logins)).toEqual({
      'docker.io': { username: 'hub', password: 'p:w' },
      'quay.io/team/app': { username: 'robot', password: 'secret' },
      'plain.lan:5000': { username: 'me', password: 'pw' },
      'bearer.lan': { token: 'abc' },
      'oauth.lan': { identityToken: 'refresh' },
    })
    expect(Object.fromEntries(config.helpers)).toEqual({ 'gcr.io': 'gcloud' })
    expect(config.store).toBe('secretservice')
  })

  test.each(['registry-1.docker.io', 'index.docker.io', 'docker.io', 'https://docker.io'])(
    'takes %s for docker.io',
    (key) => {
      const text = JSON.stringify({ auths: { [key]: { auth: encoded('a', 'b') } } })
      expect([...parseDockerConfig(text).logins.keys()]).toEqual(['docker.io'])
    },
  )
})

test('a login for part of a registry comes before that for all of it', () => {
  expect(loginKeys('quay.io', 'team/app')).toEqual(['quay.io/team/app', 'quay.io/team', 'quay.io'])
})
