import type { HostId, TaskId } from '@df/proto'
import { describe, expect, test } from 'vitest'
import { generateSigningKey, Keyring, signingKeyFromPem } from './signing-key.ts'
import { issueTicket, TicketVerifier } from './ticket.ts'

const task = 'a'.repeat(64) as TaskId
const host = 'b'.repeat(32) as HostId
const key = generateSigningKey()
const keyring = new Keyring()
keyring.add(key.publicKey)

describe('tickets', () => {
  test('a ticket admits its host to its task until it expires', () => {
    let now = 1_000_000
    const verifier = new TicketVerifier(keyring, () => now)
    const ticket = issueTicket(key, { task, host, expires: 1060 })
    expect(verifier.verify(ticket, task)).toEqual({ task, host, expires: 1060 })
    now = 1_060_001
    expect(() => verifier.verify(ticket, task)).toThrow(/expired/)
  })

  test('another task, a changed word, another signer and nonsense are refused', () => {
    const verifier = new TicketVerifier(keyring, () => 0)
    const ticket = issueTicket(key, { task, host, expires: 60 })
    const foreign = issueTicket(generateSigningKey(), { task, host, expires: 60 })
    expect(() => verifier.verify(ticket, 'c'.repeat(64) as TaskId)).toThrow(/ticket/)
    expect(() => verifier.verify(ticket.replace('.60.', '.90.'), task)).toThrow(/signed/)
    expect(() => verifier.verify(foreign, task)).toThrow(/signed/)
    for (const text of [undefined, '', 'x', '...', `${ticket}x`]) {
      expect(() => verifier.verify(text, task)).toThrow(/ticket/)
    }
  })

  test('a signing key survives its PEM form', () => {
    const again = signingKeyFromPem(key.toPem())
    expect(again.publicKey).toBe(key.publicKey)
    const verifier = new TicketVerifier(keyring, () => 0)
    expect(verifier.verify(issueTicket(again, { task, host, expires: 9 }), task).host).toBe(host)
    expect(() => signingKeyFromPem('nonsense')).toThrow(/signing key/)
  })
})
