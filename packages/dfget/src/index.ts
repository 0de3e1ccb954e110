export type { Engine, OpenRequest, OpenTask, TaskSnapshot } from './engine/engine.ts'
