export type {
  Engine,
  EngineLimits,
  OpenRequest,
  OpenSource,
  OpenTask,
  TaskSnapshot,
} from './engine/engine.ts'
export { createEngine, type EngineOptions } from './engine/local-engine.ts'
export { taskEfficiency } from './engine/task-efficiency.ts'
export type { Order, OrderAnswer, OrderTaker } from './session/order-taker.ts'
export {
  probeSession,
  type SessionProbe,
  type SessionProbeOptions,
} from './session/probe-session.ts'
