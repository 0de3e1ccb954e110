export {
  type FailureOutcome,
  type FetchFacts,
  type FetchFailure,
  FetchPlanner,
} from './host/fetch-planner.ts'
export type { Fetch } from './host/open-fetches.ts'
export { RateEstimate } from './host/rate-estimate.ts'
export { ReceiverPace, type SlowReceiver, type Stream } from './host/receiver-pace.ts'
export {
  defaultServeOrderOptions,
  type ServeFacts,
  ServeOrder,
  type ServeOrderOptions,
  serveKey,
} from './host/serve-order.ts'
export {
  createEventLog,
  type EventLog,
  type EventLogOptions,
  type ReplayedTurn,
  replay,
} from './scheduler/event-log.ts'
export type { ParentId, SchedulerCommand, SchedulerEvent } from './scheduler/events.ts'
export type {
  PlacementPolicy,
  Swarm,
  SwarmMember,
  SwarmOptions,
} from './scheduler/placement-policy.ts'
export { reduce } from './scheduler/reducer.ts'
export {
  createSchedulerState,
  type SchedulerOptions,
  type SchedulerState,
} from './scheduler/scheduler-state.ts'
export { createSeededRandom, nextRandom, type SeededRandom } from './scheduler/seeded-random.ts'
export { type PeerView, peersOf, tasksOf } from './scheduler/views.ts'
export { type LinkRates, type SwarmFacts, type SwarmFloor, swarmFloor } from './swarm-floor.ts'
