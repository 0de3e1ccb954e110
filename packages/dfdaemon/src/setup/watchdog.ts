import { type Logger, sleep } from '@df/kit'
import { healthProblem } from './dfdaemon-health.ts'
import type { EngineTools } from './engine-reload.ts'
import { HealthTimer, type HealthTimerOptions, type Verdict } from './health-timer.ts'
import type { Machine } from './machine.ts'
import { perform } from './perform.ts'
import type { RecordName } from './setup-record.ts'
import { resumeTask, suspendTask } from './suspension.ts'

export interface WatchdogOptions extends HealthTimerOptions {
  machine: Machine
  /** What it watches over. */
  names: readonly RecordName[]
  reload: EngineTools
  logger: Logger
  /** Between two looks; default 1 s. */
  pollMs?: number
}

const POLL_MS = 1000

/** What it knows between two looks. */
interface Memory {
  /** By mirror. */
  timers: Map<string, HealthTimer>
  /** What went wrong with an engine at the last look, as it was logged. */
  failures: Map<RecordName, string>
}

/**
 * Takes the mirror out of the configuration of engines while dfdaemon is unhealthy, and puts it back afterwards. All it
 * knows is in the records, so it can be killed and started at any moment, and what users do by setup and undo counts.
 * Returns when `signal` aborts, and leaves everything as it is.
 */
export async function watchMirrors(options: WatchdogOptions, signal: AbortSignal): Promise<void> {
  const memory: Memory = { timers: new Map(), failures: new Map() }
  while (!signal.aborted) {
    await look(options, memory)
    await sleep(options.pollMs ?? POLL_MS, signal).catch(() => undefined)
  }
}

async function look(options: WatchdogOptions, { timers, failures }: Memory): Promise<void> {
  const { machine, names, logger } = options
  const looks = new Map<string, Look>()
  for (const name of names) {
    try {
      const mirror = machine.records.get(name)?.mirror
      if (mirror === undefined) {
        failures.delete(name)
        continue
      }
      const timer = timers.get(mirror) ?? new HealthTimer(options)
      timers.set(mirror, timer)
      const seen = looks.get(mirror) ?? (await lookAt(mirror, timer))
      looks.set(mirror, seen)
      await act(name, seen, options)
      failures.delete(name)
    } catch (err) {
      // The next look tries again, and would say the same each time.
      const failure = String(err)
      if (failures.get(name) === failure) continue
      failures.set(name, failure)
      logger.error({ err, engine: name }, 'the configuration of an engine cannot be changed')
    }
  }
}

interface Look {
  verdict: Verdict
  problem: string | undefined
}

async function lookAt(mirror: string, timer: HealthTimer): Promise<Look> {
  const problem = await healthProblem(mirror, '/readyz')
  return { verdict: timer.observe(problem === undefined, performance.now()), problem }
}

async function act(
  name: RecordName,
  { verdict, problem }: Look,
  { machine, reload, logger }: WatchdogOptions,
): Promise<void> {
  if (verdict === 'unsure') return
  const task =
    verdict === 'down'
      ? suspendTask(machine, name, ({ effect }) => reload.canRestart || effect !== 'restart')
      : resumeTask(machine, name)
  if (task === undefined) return
  const engines = await perform(machine, task, reload)
  const files = task.edits.map(({ path }) => path)
  const fields = { engine: name, files, engines, notes: task.notes }
  if (verdict === 'up') logger.info(fields, 'dfdaemon is healthy: the mirror is back')
  else logger.warn({ ...fields, problem }, 'dfdaemon is unhealthy: the mirror is taken out')
}
