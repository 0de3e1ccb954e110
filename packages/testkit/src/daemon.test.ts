import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { expect, onTestFinished, test } from 'vitest'
import { run, runOk } from './command.ts'
import { Daemon } from './daemon.ts'
import { findLeaks } from './leaks.ts'
import { tempDirectory } from './tmp.ts'

function start(script: string, logPath?: string) {
  const command = ['sh', '-c', script]
  const daemon = new Daemon(logPath === undefined ? { command } : { command, logPath })
  onTestFinished(async () => void (await daemon.kill()))
  return daemon
}

test('a daemon is waited for, read from and stopped', async () => {
  const daemon = start('sleep 0.1; echo ready one; exec sleep 60')
  const line = await daemon.until(() => /^ready .*/.exec(daemon.stdout)?.[0])
  expect(line).toBe('ready one')
  expect(daemon.exit).toBeUndefined()
  expect(await daemon.stop()).toEqual({ code: null, signal: 'SIGTERM' })
  expect(daemon.exit).toEqual({ code: null, signal: 'SIGTERM' })
})

test('a daemon that minds no SIGTERM is killed after the grace', async () => {
  const daemon = start('trap "" TERM; echo up; while :; do sleep 0.05; done')
  await daemon.until(() => daemon.stdout || undefined)
  expect(await daemon.stop(100)).toEqual({ code: null, signal: 'SIGKILL' })
})

test('a daemon that ends, or does not come up, says why', async () => {
  const never = () => undefined
  await expect(start('echo no such thing >&2; exit 3').until(never)).rejects.toThrow(
    'no such thing',
  )
  await expect(start('exec sleep 60').until(never, 100)).rejects.toThrow('not ready in 100 ms')
  const missing = new Daemon({ command: ['/no/such/program'] })
  await expect(missing.until(never)).rejects.toThrow('ENOENT')
})

test('a killed daemon whose child holds its output open is gone at once, and is found while it runs', async () => {
  await using directory = await tempDirectory()
  const [log, child] = [`${directory.path}/log`, `${directory.path}/child`]
  await writeFile(child, 'sleep 4; exit')
  const daemon = start(`echo out; echo err >&2; exec sh ${child}`, log)
  await daemon.until(() => (daemon.stdout && daemon.stderr) || undefined)
  expect(await findLeaks(directory.path)).toEqual([expect.stringContaining('still running')])
  const killedAtMs = performance.now()
  await daemon.kill()
  expect(performance.now() - killedAtMs).toBeLessThan(3000)
  expect(await findLeaks(directory.path)).toEqual([])
  expect((await readFile(log, 'utf8')).split('\n').sort()).toEqual(['', 'err', 'out'])
})

test('a command gives its code and output, and is cut off in time', async () => {
  expect(await run(['sh', '-c', 'echo out; echo err >&2; exit 3'])).toMatchObject({
    code: 3,
    stdout: 'out\n',
    stderr: 'err\n',
  })
  const cut = await run(['sh', '-c', 'echo begun; sleep 4; echo ended'], { timeoutMs: 200 })
  expect(cut).toMatchObject({ code: null, stdout: 'begun\n' })
  expect(cut.durationMs).toBeLessThan(3000)
  const within = { command: ['env', 'A=1'], env: { B: '2' } }
  expect(await runOk(['sh', '-c', 'echo $A$B$C'], { within, env: { C: '3' } })).toBe('123')
  await expect(runOk(['sh', '-c', 'echo why >&2; exit 1'])).rejects.toThrow('ended with 1: why')
})

test('a temporary folder has a short path and goes with all in it', async () => {
  const directory = await tempDirectory()
  expect(directory.path.length).toBeLessThan(40)
  await mkdir(`${directory.path}/a/b`, { recursive: true })
  await directory.remove()
  await directory.remove()
  expect((await run(['ls', directory.path])).code).not.toBe(0)
})
