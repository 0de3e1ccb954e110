import { expect, test } from 'vitest'
import { isPlatform } from './resolve-image.ts'

test.each([
  ['linux/amd64', 'linux/amd64', true],
  ['linux/amd64', 'linux/arm64', false],
  ['linux/arm/v7', 'linux/arm', true],
  ['linux/arm/v7', 'linux/arm/v6', false],
  ['linux/arm64', 'linux/arm64/v8', true],
  ['linux/arm64/v8', 'linux/arm64', true],
  ['windows/amd64', 'linux/amd64', false],
])('an image for %s is meant by %s: %s', (has, wanted, expected) => {
  expect(isPlatform(has, wanted)).toBe(expected)
})
