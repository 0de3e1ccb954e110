import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  digestOf,
  type FileOrigin,
  generatedSource,
  makeCa,
  readAll,
  startFileOrigin,
} from '@df/testkit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DfgetBox, oneErrorLine, putFile } from '../support/dfget.ts'
import { Lab } from '../support/lab.ts'

const MiB = 1024 ** 2
const alone = ['--daemon', 'none', '--no-progress']

let lab: Lab
let origin: FileOrigin
let box: DfgetBox
let boxes = 0

beforeAll(async () => {
  lab = await Lab.open()
  origin = lab.keep(await startFileOrigin())
})

afterAll(() => lab.close())

beforeEach(async () => {
  origin.faults.clear()
  origin.log.clear()
  box = await DfgetBox.create(await lab.folder(`box-${boxes++}`))
})

describe('the output', () => {
  it('on a full disk: one line, nothing left behind, the old file as it was', async () => {
    const { url } = await putFile(origin, 'full-output', 8 * MiB)
    const result = await box.shell(
      `mkdir small; mount -t tmpfs -o size=4m none small; echo old > small/out
      "$@"; code=$?; ls -A small; cat small/out; exit $code`,
      [url, '-O', 'small/out', '--overwrite', ...alone],
    )
    expect(result).toMatchObject({ code: 7, stdout: 'out\nold\n' })
    expect(result.stderr).toMatch(oneErrorLine)
    expect(result.stderr).toContain("no space left for 'small/out'")
    expect(await box.unfinished()).toEqual([])
  })

  it('with its pieces on a full disk: likewise', async () => {
    const { url } = await putFile(origin, 'full-store', 8 * MiB)
    const result = await box.shell(
      `mount -t tmpfs -o size=4m none /var/lib
      "$@"; code=$?; find /var/lib -type f; exit $code`,
      [url, '-O', 'out', ...alone],
    )
    expect(result).toMatchObject({ code: 7, stdout: '' })
    expect(result.stderr).toMatch(oneErrorLine)
    expect(await box.files()).toEqual([])
  })

  it('in a read-only place: one line', async () => {
    const { url } = await putFile(origin, 'read-only', 1)
    const result = await box.shell('mkdir ro; mount -t tmpfs -o ro none ro; exec "$@"', [
      ...[url, '-O', 'ro/out', ...alone],
    ])
    expect(result).toMatchObject({ code: 7, stderr: expect.stringMatching(oneErrorLine) })
    expect(result.stderr).toContain('is read-only')
    expect(origin.log.entries).toEqual([])
  })

  it('where the user has no right to write: one line', async () => {
    const { url } = await putFile(origin, 'no-right', 1)
    // Root without the right to go past permissions, as another user could not read a clone below /root.
    const bounded = 'exec setpriv --bounding-set -dac_override,-dac_read_search'
    const result = await box.shell(`mkdir -m 555 closed; ${bounded} "$@"`, [
      ...[url, '-O', 'closed/out', ...alone],
    ])
    expect(result).toMatchObject({ code: 7, stderr: expect.stringMatching(oneErrorLine) })
    expect(result.stderr).toContain('no right to write')
  })

  it('on another file system arrives whole too', async () => {
    const { url, digest } = await putFile(origin, 'other-file-system', 5 * MiB)
    const result = await box.shell(
      'mkdir other; mount -t tmpfs none other; "$@" && sha256sum < other/out',
      [url, '-O', 'other/out', ...alone],
    )
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining(digest.slice(7)) })
    expect(await box.unfinished()).toEqual([])
  })
})

describe('standard output', () => {
  const stdout = ['-O', '-', ...alone]

  it('carries the content and nothing else, into a pipe and into a file', async () => {
    const { url, source } = await putFile(origin, 'stdout', 1 * MiB)
    const content = await readAll(source)
    await box.shell('"$@" --json | cat > piped; echo begin > redirected; "$@" >> redirected', [
      ...[url, ...stdout],
    ])
    expect((await readFile(join(box.directory, 'piped'))).equals(content)).toBe(true)
    const redirected = await readFile(join(box.directory, 'redirected'))
    expect(redirected.equals(Buffer.concat([Buffer.from('begin\n'), content]))).toBe(true)
    expect(await box.unfinished()).toEqual([])
  })

  it('whose reader has enough ends dfget without a word', async () => {
    const { url } = await putFile(origin, 'enough', 20 * MiB)
    const script = '{ "$@"; echo $? > code; } | head -c 10 > ten'
    expect(await box.shell(script, [url, ...stdout])).toMatchObject({ code: 0, stderr: '' })
    expect(await readFile(join(box.directory, 'code'), 'utf8')).toBe('7\n')
    expect((await stat(join(box.directory, 'ten'))).size).toBe(10)
  })

  it('that is full is told', async () => {
    const { url } = await putFile(origin, 'full-stdout', 1 * MiB)
    const result = await box.shell('exec "$@" > /dev/full', [url, ...stdout])
    expect(result).toMatchObject({ code: 7, stderr: expect.stringMatching(oneErrorLine) })
  })

  it('whose reader stops reading does not keep dfget from ending', async () => {
    const { url } = await putFile(origin, 'stuck', 20 * MiB)
    const result = await box.shell('"$@" --timeout 2s | { sleep 8; cat > rest; }', [
      ...[url, ...stdout],
    ])
    expect(result.stderr).toContain('not done within 2s')
  })

  it('takes the events when the content goes elsewhere, even to /dev/null', async () => {
    const { url } = await putFile(origin, 'dev-null', 1 * MiB)
    const result = await box.run([url, '-O', '/dev/null', '--json', ...alone])
    expect(result).toMatchObject({ code: 0, stderr: '' })
    const events = result.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).event)
    expect(events).toEqual(['start', 'done'])
    expect((await stat('/dev/null')).isCharacterDevice()).toBe(true)
  })
})

it('a terminal gets a bar that redraws itself', async () => {
  const { url } = await putFile(origin, 'bar', 4 * MiB)
  origin.faults.set({ match: '', bps: 4 * MiB })
  const script = 'script --quiet --return --command "$*" typescript'
  const result = await box.shell(script, [url, '-O', 'out', '--daemon', 'none'])
  expect(result.code, result.stderr).toBe(0)
  expect(result.stdout).toMatch(/\r *\d+% +\[=*> *\] .* of 4 MiB .*MiB\/s.*ETA/)
  expect(result.stdout).toContain('\x1b[Kout: 4 MiB in ')
})

describe('certificates', () => {
  it('of private authorities: --supernode-ca for a SuperNode, --cacert or --insecure for an origin', async () => {
    const ca = await makeCa(await lab.folder('ca'))
    const { key, cert, keyPath, certPath } = await ca.issue('localhost', '127.0.0.1')
    const secure = await startFileOrigin({ tls: { key, cert } })
    const source = generatedSource('secure', 3 * MiB)
    secure.files.set('/file', source)
    const url = `${secure.url.replace('http:', 'https:')}/file`
    try {
      const refused = await box.run([url, '-O', 'a', ...alone])
      expect(refused).toMatchObject({ code: 5, stderr: expect.stringContaining('--cacert') })
      expect(refused.stderr).toMatch(oneErrorLine)
      for (const [name, flags] of [
        ['b', ['--cacert', ca.certificatePath]],
        ['c', ['--insecure']],
      ] as const) {
        expect(await box.run([url, '-O', name, ...alone, ...flags])).toMatchObject({ code: 0 })
        expect(await box.digestOf(name)).toBe(await digestOf(source))
      }
    } finally {
      await secure.stop()
    }

    const args = ['--tls-cert', certPath, '--tls-key', keyPath]
    const overTls = await lab.supernode({ args })
    const { url: plainUrl, digest } = await putFile(origin, 'over-tls', 3 * MiB)
    const at = ['--supernode', overTls.url, '--supernode-ca', ca.certificatePath, '--no-progress']
    const result = await box.run([plainUrl, '-O', 'd', ...at])
    expect(result).toMatchObject({ code: 0, stderr: expect.stringContaining('seed 100%') })
    expect(await box.digestOf('d')).toBe(digest)
  })
})
