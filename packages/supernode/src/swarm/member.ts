import { Bitfield } from '@df/codec'
import { type Geometry, type HostId, type HostMessage, type MessageOf, pieceCount } from '@df/proto'
import { type KeyedSource, keyedSource } from '../seed/keyed-source.ts'

export type Join = MessageOf<HostMessage, 'join'>
export type Progress = MessageOf<HostMessage, 'progress'>
export type Slow = MessageOf<HostMessage, 'slow'>

/** The state of a task's content that pieces belong to. */
export interface ContentState {
  geometry: Geometry
  generation: string
}

/** One host's part in a swarm. */
export interface Member {
  readonly host: HostId
  /** Its newest word on where the content comes from. */
  source: KeyedSource
  /** What the host saw at the origin. */
  confirmedGeneration: string | undefined
  /** What it holds, and of which geometry that is; of the swarm's own once that is known. */
  have: { geometry: Geometry; generation: string | undefined; pieces: Bitfield } | undefined
  ticketAtMs: number
  /** False after its session was lost, until it joins again. */
  confirmed: boolean
}

/** @throws AppError REQUEST_INVALID when `have` does not fit its geometry */
export function memberOf(host: HostId, join: Join): Member {
  return {
    host,
    source: keyedSource(join.source),
    confirmedGeneration: join.generation,
    have: holdings(join),
    ticketAtMs: 0,
    confirmed: true,
  }
}

/** A host that joins again: its holdings and source are new, its history stays. @throws AppError REQUEST_INVALID */
export function joinAgain(member: Member, join: Join): void {
  member.have = holdings(join)
  member.source = keyedSource(join.source)
  member.confirmedGeneration = join.generation
  member.confirmed = true
}

/** Whether the host holds all of the content, of this state when it is known. */
export function isComplete(member: Member, content: ContentState | undefined): boolean {
  const { have } = member
  if (have === undefined || !have.pieces.full) return false
  return content === undefined || belongs(have, content)
}

/** How many pieces of this content the host holds. */
export function piecesOf({ have }: Member, content: ContentState): number {
  return have !== undefined && belongs(have, content) ? have.pieces.size : 0
}

export function sameContent(a: ContentState, b: ContentState): boolean {
  return a.generation === b.generation && sameGeometry(a.geometry, b.geometry)
}

/** A host that did not ask the origin does not say which generation it holds; then the geometry decides. */
function belongs(have: NonNullable<Member['have']>, content: ContentState): boolean {
  const { geometry, generation = content.generation } = have
  return sameContent({ geometry, generation }, content)
}

function sameGeometry(a: Geometry, b: Geometry): boolean {
  return (
    a.contentLength === b.contentLength && a.pieceSize === b.pieceSize && a.stripes === b.stripes
  )
}

function holdings({ geometry, generation, have }: Join): Member['have'] {
  if (geometry === undefined || have === undefined) return undefined
  return { geometry, generation, pieces: Bitfield.parse(have, pieceCount(geometry)) }
}
