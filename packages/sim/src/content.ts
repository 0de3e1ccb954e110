import { type Geometry, geometryOf, type TaskId } from '@df/proto'
import type { Scenario } from './scenario.ts'

/** How the scenario's content is cut: as programs do, where it does not say otherwise. */
export function cutOf({ sizeBytes, pieceBytes, stripes }: Scenario): Geometry {
  const usual = geometryOf(sizeBytes)
  return {
    contentLength: sizeBytes,
    pieceSize: pieceBytes ?? usual.pieceSize,
    stripes: stripes ?? usual.stripes,
  }
}

/** The content of each round is a task of its own. */
export function taskIdOf(round: number): TaskId {
  return round.toString(16).padStart(64, '0') as TaskId // 64 hexadecimal digits, as TaskIdSchema asks
}
