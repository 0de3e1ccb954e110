import { expect, test } from 'vitest'
import { createAddressGuard, isLoopbackAddress } from './address-guard.ts'

const refused = expect.objectContaining({ code: 'ORIGIN_REFUSED' })

test.each([
  '127.0.0.1',
  '127.255.0.9',
  '0.0.0.0',
  '10.1.2.3',
  '100.64.0.1',
  '100.127.255.255',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.168.1.1',
  '224.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  'fe80::1',
  'fe80::1%eth0',
  'fd00::1',
  'ff02::1',
  '::ffff:127.0.0.1',
  '::ffff:a00:1',
  '::127.0.0.1',
  '64:ff9b::10.0.0.1',
  '64:ff9b:1::1',
  '2002:7f00:1::',
  'not an address',
])('%s is refused', (ip) => {
  expect(() => createAddressGuard({ allow: [] }).check('registry.example', ip)).toThrow(refused)
})

test.each([
  '1.1.1.1',
  '100.63.255.255',
  '100.128.0.0',
  '172.32.0.1',
  '192.169.0.1',
  '2606:4700::1',
  '64:ff9b::1.1.1.1',
  '2002:101:101::',
  '::ffff:1.1.1.1',
])('%s is allowed', (ip) => {
  expect(() => createAddressGuard({ allow: [] }).check('registry.example', ip)).not.toThrow()
})

test.each([
  ['10.1.2.3', 'x', '10.1.2.3', '10.1.2.4'],
  ['10.0.0.0/8', 'x', '::ffff:10.9.9.9', '192.168.0.1'],
  ['[fd00::1]:5000', 'x', 'fd00::1', 'fd00::2'],
  ['fd00::/8', 'x', 'fdff::1', 'fe80::1'],
  ['127.0.0.1:5000', '127.0.0.1', '127.0.0.1', '127.0.0.2'],
  ['::1', 'localhost', '::1', '127.0.0.1'],
])('allowing %s lets its addresses through and no others', (allow, name, inside, outside) => {
  const guard = createAddressGuard({ allow: [allow] })
  guard.check(name, inside)
  expect(() => guard.check(name, outside)).toThrow(refused)
})

test('an allowed name may lie anywhere, in any spelling; its subdomains and lookalikes may not', () => {
  const guard = createAddressGuard({ allow: ['Registry.corp:5000'] })
  guard.check('registry.corp', '10.0.0.1')
  guard.check('REGISTRY.CORP.', '::1')
  expect(() => guard.check('x.registry.corp', '10.0.0.1')).toThrow(refused)
  expect(() => guard.check('registry-corp', '10.0.0.1')).toThrow(refused)
})

test('a refusal says what it is about and names the flag', () => {
  const guard = createAddressGuard({ allow: [] })
  expect(() => guard.check('registry.corp', '10.0.0.1')).toThrow(
    expect.objectContaining({
      message: 'registry.corp (10.0.0.1) is an address of an internal network',
      hint: 'if it is meant to be reached, add --allow-origin registry.corp',
    }),
  )
})

test.each(['', 'a b', 'http://x', '10.0.0.0/99', '*.corp'])('%o cannot be allowed', (entry) => {
  expect(() => createAddressGuard({ allow: [entry] })).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }),
  )
})

test('loopback is known in every form', () => {
  expect(['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1'].every(isLoopbackAddress)).toBe(true)
  expect(['10.0.0.1', '::2', '', 'localhost', '1.127.0.0'].some(isLoopbackAddress)).toBe(false)
})
