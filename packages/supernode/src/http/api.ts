import {
  AppError,
  type HostId,
  HostListSchema,
  PeerListSchema,
  PieceMapSchema,
  routes,
  SwarmInfoSchema,
  type TaskId,
  TaskInfoSchema,
  TaskListSchema,
  TaskParamsSchema,
} from '@df/proto'
import { peersOf, type SchedulerState } from '@df/scheduling'
import type { ContentStore } from '@df/storage'
import type { FastifyInstance } from 'fastify'
import type { SwarmRates } from '../swarm/efficiency.ts'
import type { Swarms } from '../swarm/swarms.ts'
import { openApiDocument } from './openapi.ts'
import { swarmInfo } from './swarm-view.ts'
import { hostInfo, peerInfos, pieceMap, taskInfo } from './views.ts'

export interface ApiOptions {
  supernode: HostId
  swarms: Swarms
  store: ContentStore
  scheduler: SchedulerState
  rates: SwarmRates
  version: string
}

interface TaskRoute {
  Params: { taskId: TaskId }
}

/** The REST API for people and scripts. */
export function registerApi(
  server: FastifyInstance,
  { supernode, swarms, store, scheduler, rates, version }: ApiOptions,
): void {
  const document = openApiDocument(version)
  const params = TaskParamsSchema

  const known = (task: TaskId) => {
    const swarm = swarms.get(task)
    const stored = store.summary(task)
    if (swarm !== undefined || stored !== undefined) return { swarm, stored }
    throw new AppError('TASK_NOT_FOUND', `no task ${task}`)
  }

  server.get(routes.openapi.path, async () => document)

  server.get(routes.tasks.path, { schema: { response: { 200: TaskListSchema } } }, async () => {
    const stored = new Map(store.list().map((summary) => [summary.task, summary]))
    const active = swarms.all().map((swarm) => taskInfo(swarm, stored.get(swarm.task)))
    for (const { id } of active) stored.delete(id)
    return { tasks: [...active, ...[...stored.values()].map((one) => taskInfo(undefined, one))] }
  })

  server.get<TaskRoute>(
    routes.task.path,
    { schema: { params, response: { 200: TaskInfoSchema } } },
    async ({ params: { taskId } }) => {
      const { swarm, stored } = known(taskId)
      return taskInfo(swarm, stored)
    },
  )

  server.get<TaskRoute>(
    routes.taskPeers.path,
    { schema: { params, response: { 200: PeerListSchema } } },
    async ({ params: { taskId } }) => {
      const { swarm } = known(taskId)
      if (swarm === undefined) return { peers: [] }
      const link = (host: HostId) => swarms.link(host)
      return { peers: peerInfos({ swarm, placed: peersOf(scheduler, taskId), link, rates }) }
    },
  )

  server.get<TaskRoute>(
    routes.taskSwarm.path,
    { schema: { params, response: { 200: SwarmInfoSchema } } },
    async ({ params: { taskId } }) => {
      const { swarm } = known(taskId)
      if (swarm !== undefined) return swarmInfo(swarm, rates, supernode)
      throw new AppError('TASK_NOT_FOUND', `nobody has or fetches the task ${taskId} now`)
    },
  )

  server.get<TaskRoute>(
    routes.taskPieces.path,
    { schema: { params, response: { 200: PieceMapSchema } } },
    async ({ params: { taskId } }) => {
      const { swarm } = known(taskId)
      const stored = await store.open(taskId)
      try {
        return pieceMap(swarm, stored)
      } finally {
        stored?.release()
      }
    },
  )

  server.delete<TaskRoute>(
    routes.deleteTask.path,
    { schema: { params } },
    async ({ params: { taskId } }, reply) => {
      known(taskId)
      await swarms.delete(taskId)
      await store.remove(taskId)
      return reply.code(204).send()
    },
  )

  server.get(routes.hosts.path, { schema: { response: { 200: HostListSchema } } }, async () => {
    const tasks = new Map<string, number>()
    for (const swarm of swarms.all()) {
      for (const host of swarm.members.keys()) tasks.set(host, (tasks.get(host) ?? 0) + 1)
    }
    return { hosts: swarms.connected().map((link) => hostInfo(link, tasks.get(link.host) ?? 0)) }
  })
}
