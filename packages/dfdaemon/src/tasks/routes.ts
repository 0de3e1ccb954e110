import { type Engine, type TaskSnapshot, taskEfficiency } from '@df/dfget'
import { AppError, type HostTask, routes } from '@df/proto'
import type { FastifyInstance } from 'fastify'

/** What this host has and fetches, for operators and for our own commands. */
export function registerTaskRoutes(server: FastifyInstance, engine: Engine): void {
  server.get(routes.tasks.path, async () => ({ tasks: engine.tasks().map(hostTask) }))

  server.get<{ Params: { taskId: string } }>(routes.task.path, async (request) => {
    const { taskId } = request.params
    const task = engine.tasks().find((candidate) => candidate.task === taskId)
    if (task === undefined) throw new AppError('TASK_NOT_FOUND', 'this host has no such task')
    return hostTask(task)
  })
}

function hostTask(task: TaskSnapshot): HostTask {
  return {
    id: task.task,
    url: task.url,
    digest: task.digest ?? null,
    state: task.state,
    contentLength: task.contentLength,
    haveBytes: task.haveBytes,
    received: task.received,
    efficiency: taskEfficiency(task),
    startedAt: new Date(task.startedAtMs).toISOString(),
    finishedAt: task.finishedAtMs === undefined ? null : new Date(task.finishedAtMs).toISOString(),
    error: task.error ?? null,
  }
}
