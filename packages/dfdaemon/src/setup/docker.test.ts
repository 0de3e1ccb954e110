import { expect, test } from 'vitest'
import { memoryFiles } from '../test-support/memory-files.ts'
import { planDocker } from './docker.ts'

const mirror = 'http://127.0.0.1:65001'
const configFile = '/etc/docker/daemon.json'

function plan(content: Record<string, string>, flags: string[] = []) {
  return planDocker(memoryFiles(content), { mirror, configFile, flags }).files[0]?.text
}

test('a docker without configuration gets one', () => {
  expect(plan({})).toBe('{\n  "registry-mirrors": ["http://127.0.0.1:65001"]\n}\n')
  expect(plan({ [configFile]: ' \n' })).toBe(plan({}))
})

test('other mirrors stay, behind ours; what is first already stays as it is written', () => {
  const text = '{"registry-mirrors": [ "https://other.example" ], "debug": true}'
  expect(JSON.parse(plan({ [configFile]: text }) ?? '')).toEqual({
    'registry-mirrors': [mirror, 'https://other.example'],
    debug: true,
  })
  const done = '{"registry-mirrors": ["http://127.0.0.1:65001/" , "https://other.example"]}'
  expect(plan({ [configFile]: done })).toBe(done)
  const second = '{"registry-mirrors": ["https://other.example", "http://127.0.0.1:65001/"]}'
  expect(JSON.parse(plan({ [configFile]: second }) ?? '')).toEqual({
    'registry-mirrors': [mirror, 'https://other.example'],
  })
})

test.each([
  ['{"debug": true, // why\n}', /daemon.json is not JSON: /],
  ['[]', /daemon.json is not a JSON object/],
  ['{"registry-mirrors": "https://other.example"}', /registry-mirrors is not a list of URLs/],
  [
    '{"registry-mirrors": [], "registry-mirrors": ["https://other.example"]}',
    /written in a way that setup cannot change/,
  ],
])('what docker itself would not take, or take otherwise, is refused: %s', (text, what) => {
  expect(() => plan({ [configFile]: text })).toThrow(what)
})

test('a dockerd with mirrors as flags would not start with mirrors in its file: so none are written', () => {
  expect(() => plan({}, ['https://other.example'])).toThrow(
    /the running dockerd has the flag --registry-mirror/,
  )
  const service = '/etc/systemd/system/docker.service.d/mirror.conf'
  const line = 'ExecStart=/usr/bin/dockerd --registry-mirror https://other.example\n'
  expect(() => plan({ [service]: line })).toThrow(/mirror\.conf has the flag/)
  expect(plan({ [service]: `# ${line}` })).toContain(mirror)
})
