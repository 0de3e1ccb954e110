import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { type RunOptions, type RunResult, run, runOk } from './command.ts'
import { Daemon } from './daemon.ts'

export interface SystemdMachineOptions {
  directory: string
  /** What the machine has as /usr/local. */
  localPath: string
}

/** A machine with a running systemd, all its files in memory, gone when it is stopped. */
export interface SystemdMachine {
  /** Where its files are for us. */
  root: string
  run(command: readonly string[], options?: RunOptions): Promise<RunResult>
  /** Gives what the command printed. @throws Error when it fails */
  runOk(command: readonly string[], options?: RunOptions): Promise<string>
  stop(): Promise<void>
}

const boot = join(import.meta.dirname, '../machine/boot.sh')
const namespaces = ['--mount', '--pid', '--net', '--uts', '--ipc', '--cgroup', '--root', '--wd']
const path = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin'

let made = 0

/**
 * Boots a real systemd, with programs and units of this machine (below /usr) of which none is enabled. It has a network,
 * processes, mounts and control groups of its own. Root only.
 */
export async function startSystemdMachine(options: SystemdMachineOptions): Promise<SystemdMachine> {
  const { directory, localPath } = options
  const cgroup = `df${process.pid}m${made++}`
  const root = join(directory, 'root')
  await mkdir(root, { recursive: true })
  const logPath = join(directory, 'boot.log')
  const daemon = new Daemon({ command: [boot, cgroup, root, localPath], logPath })

  async function stop(): Promise<void> {
    // The first process of a namespace takes all others with it.
    await daemon.kill()
    await removeControlGroups(cgroup)
  }

  try {
    const pid = await daemon.until(() => systemdBelow(daemon.pid))
    const enter = [
      'nsenter',
      `--target=${pid}`,
      ...namespaces,
      '--',
      'env',
      '-i',
      path,
      'HOME=/root',
    ]
    const machine: SystemdMachine = {
      root: `/proc/${pid}/root`,
      run: (command, runOptions) => run([...enter, ...command], runOptions),
      runOk: (command, runOptions) => runOk([...enter, ...command], runOptions),
      stop,
    }
    await daemon.until(async () => {
      const { stdout } = await machine.run(['systemctl', 'is-system-running'])
      return /^(running|degraded)$/m.test(stdout) || undefined
    }, 60_000)
    return machine
  } catch (error) {
    await stop()
    throw error
  }
}

/** The process that `unshare` began, as soon as it is systemd. */
async function systemdBelow(pid: number): Promise<number | undefined> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const [child = ''] = children.trim().split(' ')
  const name = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '')
  return name === 'systemd\n' ? Number(child) : undefined
}

/** They stay busy for a moment after their last process. */
async function removeControlGroups(name: string): Promise<void> {
  const tree = '/sys/fs/cgroup'
  const entries = await readdir(tree, { withFileTypes: true })
  const hierarchies = [
    tree,
    ...entries.filter((e) => e.isDirectory()).map((e) => join(tree, e.name)),
  ]
  const tops = hierarchies.map((hierarchy) => join(hierarchy, name))
  for (let tries = 0; tries < 50; tries++) {
    const { code } = await run(['find', ...tops, '-depth', '-type', 'd', '-delete'])
    const { stdout } = await run(['find', ...tops, '-maxdepth', '0'])
    if (code === 0 || stdout === '') return
    await sleep(100)
  }
  throw new Error(`control groups ${name} cannot be removed`)
}
