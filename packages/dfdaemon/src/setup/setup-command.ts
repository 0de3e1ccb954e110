import { execFileSync } from 'node:child_process'
import { type CommandIo, defineCommand } from '@df/kit'
import { AppError } from '@df/proto'
import { type Static, Type } from 'typebox'
import { type DaemonConfig, daemonConfig } from '../config.ts'
import { carryOut } from './carry-out.ts'
import { healthProblem } from './dfdaemon-health.ts'
import { dockerProcesses, type SendSignal } from './docker-daemon.ts'
import { flagValue } from './engine-process.ts'
import { checkedMirror, mirrorUrl, upstreamRegistry } from './mirror-address.ts'
import { machineFlags, machineOf, pathFlags, pathsOf, writeFlags } from './place-flags.ts'
import { type Runtime, runtimes } from './runtime-plan.ts'
import type { PlanSettings } from './runtime-plans.ts'
import { recordNameOf } from './setup-record.ts'
import { setupTask } from './setup-task.ts'

const schema = Type.Object({
  ...writeFlags,
  check: Type.Boolean({
    description: 'write only when dfdaemon answers, instead of warning',
    default: false,
  }),
  mirror: Type.Optional(
    Type.String({
      description: 'address of dfdaemon for engines',
      defaultText: 'from --listen',
      unit: 'url',
    }),
  ),
  for: Type.Array(Type.String(), {
    description: 'registries that containerd asks dfdaemon for, _default for all',
    defaultText: 'docker.io and those of --registry',
    placeholder: 'HOST',
  }),
  ...machineFlags,
  ...pathFlags,
})

type SetupFlags = Static<typeof schema>

/**
 * `dfdaemon setup`: puts dfdaemon first among the mirrors of engines. Its exit code is 2 when nobody agreed to the
 * change.
 */
export function setupCommand(sendSignal: SendSignal) {
  return defineCommand({
    name: 'setup',
    summary:
      'Points container engines at this dfdaemon; they go to their registry when it is gone.',
    operands: { form: 'docker|containerd|podman|crio…', min: 1, choices: runtimes },
    schema,
    config: daemonConfig,
    examples: [
      [
        'dfdaemon setup docker',
        'shows the change to /etc/docker/daemon.json, asks, writes, has docker reload it',
      ],
      [
        'dfdaemon setup containerd --for docker.io --for quay.io --yes',
        'without asking, for two registries',
      ],
      [
        'dfdaemon setup containerd --yes --root /host',
        'the machine whose file system is mounted at /host',
      ],
    ],
    async run({ operands, flags, config, io }) {
      return await runSetup({ chosen: operands as Runtime[], flags, config, io, sendSignal })
    },
  })
}

interface SetupRun {
  chosen: readonly Runtime[]
  flags: SetupFlags
  config: DaemonConfig
  io: CommandIo
  sendSignal: SendSignal
}

async function runSetup({ chosen, flags, config, io, sendSignal }: SetupRun): Promise<number> {
  const machine = machineOf(flags)
  const paths = pathsOf(flags)
  const mirror = flags.mirror === undefined ? mirrorUrl(config.listen) : checkedMirror(flags.mirror)
  await checkHealth(mirror, flags.check, io)
  const settings: PlanSettings = {
    mirror,
    paths,
    registries: flags.for.length > 0 ? flags.for : ['docker.io', ...Object.keys(config.registry)],
    upstreamRegistry: upstreamRegistry(config),
    containerdMajor: () => (flags.root === '/' ? installedMajor() : 1),
    dockerFlags: () =>
      dockerProcesses(machine.files, paths.dockerConfig).flatMap(
        ({ args }) => flagValue(args, 'registry-mirror') ?? [],
      ),
  }
  const tasks = [...new Set(chosen.map(recordNameOf))].map((name) => {
    const mine = chosen.filter((runtime) => recordNameOf(runtime) === name)
    return setupTask(machine, name, { settings, chosen: mine })
  })
  const { dryRun, yes, noReload, restart } = flags
  return await carryOut(tasks, {
    machine,
    io,
    dryRun,
    yes,
    reload: { signal: sendSignal, isOff: noReload, canRestart: restart },
  })
}

/** A pull through a mirror that is not there still works, but helps nobody. @throws AppError USAGE */
async function checkHealth(mirror: string, isNeeded: boolean, io: CommandIo): Promise<void> {
  const problem = await healthProblem(mirror, '/healthz')
  if (problem === undefined) return
  const what = `no dfdaemon answers at ${mirror} (${problem})`
  const hint = 'start it, or name its address with --mirror'
  if (isNeeded) throw new AppError('DAEMON_UNREACHABLE', what, { hint })
  io.stderr.write(`warning: ${what}; ${hint}. Until then engines go to their registry.\n`)
}

/** 1 when it cannot be found out: what it writes then is right for 2 too. */
function installedMajor(): number {
  try {
    const said = execFileSync('containerd', ['--version'], { stdio: 'pipe' }).toString()
    return Number(/\bv?(\d+)\.\d+\.\d+/.exec(said)?.[1] ?? 1)
  } catch {
    return 1
  }
}
