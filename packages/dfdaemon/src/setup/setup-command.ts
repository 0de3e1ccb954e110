import { type CommandIo, defineCommand } from '@df/kit'
import { AppError } from '@df/proto'
import { type Static, Type } from 'typebox'
import { type DaemonConfig, daemonConfig } from '../config.ts'
import { beforeChanges } from './before-changes.ts'
import { carryOut } from './carry-out.ts'
import { healthProblem } from './dfdaemon-health.ts'
import type { SendSignal } from './docker-daemon.ts'
import { checkedMirror, mirrorUrl } from './mirror-address.ts'
import { machineFlags, machineOf, pathFlags, pathsOf, writeFlags } from './place-flags.ts'
import { planSettings } from './plan-settings.ts'
import { type Runtime, runtimes } from './runtime-plan.ts'
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
  const mirror = flags.mirror === undefined ? mirrorUrl(config.listen) : checkedMirror(flags.mirror)
  await checkHealth(mirror, flags.check, io)
  const settings = planSettings({
    machine,
    isThisMachine: flags.root === '/',
    mirror,
    paths: pathsOf(flags),
    config,
    registries: flags.for,
  })
  const tasks = beforeChanges(() =>
    [...new Set(chosen.map(recordNameOf))].map((name) => {
      const mine = chosen.filter((runtime) => recordNameOf(runtime) === name)
      return setupTask(machine, name, { settings, chosen: mine })
    }),
  )
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
