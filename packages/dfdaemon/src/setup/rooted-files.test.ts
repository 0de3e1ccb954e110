import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { type TempDirectory, tempDirectory } from '@df/testkit'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RootedFiles } from './rooted-files.ts'

let temp: TempDirectory
let files: RootedFiles

beforeEach(async () => {
  temp = await tempDirectory()
  files = new RootedFiles(temp.path)
  mkdirSync(join(temp.path, 'etc'))
})
afterEach(() => temp.remove())

const at = (path: string) => join(temp.path, path)

test('a file that is replaced keeps its mode, and nothing else is left beside it', () => {
  writeFileSync(at('etc/a'), 'old')
  chmodSync(at('etc/a'), 0o640)
  files.write('/etc/a', 'new')
  expect(readFileSync(at('etc/a'), 'utf8')).toBe('new')
  expect(statSync(at('etc/a')).mode & 0o777).toBe(0o640)
  expect(files.list('/etc')).toEqual(['a'])
})

test('links stay: their targets are replaced, those that are absolute below the root', () => {
  mkdirSync(at('real/deep'), { recursive: true })
  symlinkSync('/real', at('etc/engine'))
  symlinkSync('../../real/deep/target', at('real/link'))
  writeFileSync(at('real/deep/target'), 'old')
  files.write('/etc/engine/link', 'new')
  expect(readlinkSync(at('real/link'))).toBe('../../real/deep/target')
  expect(readFileSync(at('real/deep/target'), 'utf8')).toBe('new')
})

test('a link never leads out of the root', () => {
  symlinkSync('../../../../../../../../..', at('etc/up'))
  expect(files.real('/etc/up/x')).toBe(at('x'))
})

test('links in a circle are an error', () => {
  symlinkSync('/etc/b', at('etc/a'))
  symlinkSync('/etc/a', at('etc/b'))
  expect(() => files.read('/etc/a')).toThrow(/too many symbolic links/)
})

test('what is not there is undefined; what is no text is refused', () => {
  expect(files.read('/etc/none/a')).toBeUndefined()
  expect(files.list('/etc/none')).toBeUndefined()
  writeFileSync(at('etc/binary'), Uint8Array.of(0xff, 0xfe))
  expect(() => files.read('/etc/binary')).toThrow(/not a text in UTF-8/)
})

test('a folder in the place of the file is an error that names it, and leaves nothing', () => {
  mkdirSync(at('etc/a'))
  expect(() => files.write('/etc/a', 'x', {})).toThrow(/cannot (read|write) \/etc\/a: EISDIR/)
  expect(files.list('/etc')).toEqual(['a'])
})

test('what cannot be removed is named, with the error of the system', () => {
  mkdirSync(at('etc/a'))
  expect(() => files.remove('/etc/a')).toThrow(/^cannot remove \/etc\/a: EISDIR$/)
  expect(() => files.remove('/etc/none/a')).not.toThrow()
})
