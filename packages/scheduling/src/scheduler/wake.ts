import type { SchedulerTask, Turn } from './scheduler-state.ts'

/** Something is due for the task at `at`: asks for a tick, unless an earlier one is asked for already. */
export function scheduleTick({ state, commands }: Turn, task: SchedulerTask, at: number): void {
  state.timed.add(task)
  if (state.wakeAt !== undefined && state.wakeAt <= at) return
  state.wakeAt = at
  commands.push({ type: 'wake', at })
}
