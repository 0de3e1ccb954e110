import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Digest } from './digest.ts'
import { decodeHostFrame, decodeSupernodeFrame, encodeFrame } from './frame.ts'
import type { HostId, TaskId } from './ids.ts'
import type { HostMessage, SupernodeMessage } from './session.ts'

const hex = (length: number) =>
  fc
    .array(fc.constantFrom(...'0123456789abcdef'.split('')), {
      minLength: length,
      maxLength: length,
    })
    .map((digits) => digits.join(''))
const task = hex(64).map((text) => text as TaskId)
const host = hex(32).map((text) => text as HostId)
const url = fc.webUrl({ validSchemes: ['http', 'https'] }).map((text) => `${text}/x`)
const peer = fc.record({ host, url })
const received = fc.record({ peers: fc.nat(), seed: fc.nat(), origin: fc.nat() })

const hostMessages: fc.Arbitrary<HostMessage> = fc.oneof(
  fc.record({
    type: fc.constant('hello' as const),
    protocol: fc.nat(65_535),
    host,
    url,
    program: fc.string({ maxLength: 40 }),
  }),
  fc.record({
    type: fc.constant('join' as const),
    task,
    identity: fc.oneof(
      hex(64).map((text) => ({ kind: 'blob' as const, digest: `sha256:${text}` as Digest })),
      url.map((canonicalUrl) => ({ kind: 'url' as const, canonicalUrl })),
    ),
    source: url.map((text) => ({ url: text })),
    have: fc.constantFrom('8:all', '8:none', '8:gA'),
  }),
  fc.record({ type: fc.constant('progress' as const), task, have: fc.constant('3:all'), received }),
  fc.record({
    type: fc.constant('progress' as const),
    task,
    have: fc.constant('3:all'),
    received,
    from: fc.array(fc.record({ host, bytes: fc.nat() }), { maxLength: 16 }),
  }),
  fc.record({ type: fc.constant('lost' as const), task, parent: host }),
  fc.record({ type: fc.constant('bad' as const), task, parent: host, piece: fc.nat() }),
  fc.record({ type: fc.constant('leave' as const), task }),
)

const supernodeMessages: fc.Arbitrary<SupernodeMessage> = fc.oneof(
  fc.record({
    type: fc.constant('plan' as const),
    task,
    parents: fc.array(peer, { minLength: 1, maxLength: 4 }),
    spares: fc.array(peer, { maxLength: 8 }),
  }),
  fc.record({ type: fc.constant('seeding' as const), task, bytes: fc.nat() }),
  fc.record({
    type: fc.constant('failed' as const),
    task,
    code: fc.constant('ORIGIN_NOT_FOUND'),
    message: fc.string({ maxLength: 100 }),
    status: fc.integer({ min: 100, max: 599 }),
  }),
)

describe('session frames', () => {
  test('what is encoded is decoded again, in order', () => {
    fc.assert(
      fc.property(fc.array(hostMessages, { maxLength: 20 }), (messages) => {
        expect(decodeHostFrame(encodeFrame(messages))).toEqual(messages)
      }),
    )
    fc.assert(
      fc.property(fc.array(supernodeMessages, { maxLength: 20 }), (messages) => {
        expect(decodeSupernodeFrame(encodeFrame(messages))).toEqual(messages)
      }),
    )
  })

  test('anything else is refused with a sentence, never taken, never a crash', () => {
    const damaged = fc
      .tuple(hostMessages, fc.string(), fc.jsonValue())
      .map(([message, key, value]) => [{ ...message, [`x${key}`]: value }])
    const junk = fc.oneof(
      fc.string(),
      fc.json(),
      damaged.map((value) => JSON.stringify(value)),
    )
    fc.assert(
      fc.property(junk, (text) => {
        if (text.trim() === '[]') return
        for (const decode of [decodeHostFrame, decodeSupernodeFrame]) {
          expect(() => decode(text)).toThrow(/session frame/)
        }
      }),
    )
  })
})
