import { createLogger } from '@df/kit'
import { tempDirectory } from '@df/testkit'
import { expect, test } from 'vitest'
import { RootedFiles } from './rooted-files.ts'
import { SetupRecords } from './setup-record.ts'
import { watchMirrors } from './watchdog.ts'

test('a failure is logged once, though each look meets it, and again after it was mended', async () => {
  await using temp = await tempDirectory()
  const files = new RootedFiles(temp.path)
  const lines: string[] = []
  const options = {
    machine: { files, records: new SetupRecords(files, '/state') },
    names: ['docker'] as const,
    reload: { signal: () => {}, isOff: true, canRestart: false },
    logger: createLogger({
      program: 'watchdog',
      level: 'info',
      stream: { write: (line) => void lines.push(line) },
    }),
    afterMs: 0,
    backMs: 0,
    pollMs: 20,
  }
  const end = new AbortController()
  const looks = () => new Promise((resolve) => setTimeout(resolve, 200))
  const watching = watchMirrors(options, end.signal)
  files.makeFolder('/state/docker.json')
  await looks()
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('cannot read /state/docker.json: EISDIR')

  files.removeEmptyFolder('/state/docker.json')
  await looks()
  files.makeFolder('/state/docker.json')
  await looks()
  expect(lines).toHaveLength(2)
  end.abort()
  await watching
})
