export { type RunResult, type Spread } from './result.ts'
export { defaultScenario, type Scenario } from './scenario.ts'
export { runScenario } from './world.ts'
