import { readdir, readFile } from 'node:fs/promises'
import { run } from './command.ts'
import { mountsBelow } from './tmp.ts'

/**
 * What tests of this process left on the machine, as sentences; empty is right. Looks for processes and mounts
 * below `directory`, and for network namespaces and bridges that this process named.
 */
export async function findLeaks(directory: string): Promise<string[]> {
  const [processes, mounts, namespaces, links] = await Promise.all([
    processesNaming(directory),
    mountsBelow(directory),
    namesIn(['ip', 'netns', 'list'], new RegExp(`^df${process.pid}n`)),
    namesIn(['ip', '-brief', 'link', 'show', 'type', 'bridge'], new RegExp(`^dfb${process.pid}x`)),
  ])
  return [
    ...processes.map((text) => `still running: ${text}`),
    ...mounts.map((place) => `still mounted: ${place}`),
    ...namespaces.map((name) => `network namespace left: ${name}`),
    ...links.map((name) => `bridge left: ${name}`),
  ]
}

async function processesNaming(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const commands = await Promise.all(
    pids.map(async (pid) => {
      const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      return command.includes(text) && Number(pid) !== process.pid
        ? [`${pid} ${command.replaceAll('\0', ' ').slice(0, 200)}`]
        : []
    }),
  )
  return commands.flat()
}

async function namesIn(command: readonly string[], pattern: RegExp): Promise<string[]> {
  const { stdout } = await run(command)
  return stdout
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => pattern.test(name))
}
