import {
  AppError,
  type Geometry,
  type HostMessage,
  isErrorCode,
  type MessageOf,
  pieceCount,
  type Source,
  type SupernodeMessage,
  type TaskId,
  type TaskIdentity,
  unsignedUrl,
} from '@df/proto'
import type { OpenSource } from './engine.ts'

/** What is needed to join a task's swarm. */
export interface JoinFacts {
  task: TaskId
  identity: TaskIdentity
  source: OpenSource
  generation: string | undefined
  /** What is here already: geometry and the text form of its pieces. */
  held: { geometry: Geometry; have: string } | undefined
  /** Credentials may travel on the session. */
  secure: boolean
}

export function joinMessage(facts: JoinFacts): MessageOf<HostMessage, 'join'> {
  const { task, identity, generation, held, secure } = facts
  return {
    type: 'join',
    task,
    identity,
    source: secure ? wholeSource(facts.source) : { url: withoutCredentials(facts.source) },
    ...(generation === undefined ? {} : { generation }),
    ...held,
  }
}

function wholeSource({ url, headers }: OpenSource): Source {
  return { url, ...(headers === undefined ? {} : { headers }) }
}

/** Whether the source holds what must not travel on a plain link. */
export function hasCredentials(source: OpenSource): boolean {
  return (
    source.headers?.['authorization'] !== undefined || withoutCredentials(source) !== source.url
  )
}

/** The URL as it may travel on a plain link. */
function withoutCredentials({ url, filterQuery }: OpenSource): string {
  return unsignedUrl(url, filterQuery)
}

/** The text form of "all pieces". */
export function allPieces(geometry: Geometry): string {
  return `${pieceCount(geometry)}:all`
}

/** A SuperNode's `failed` as an error; the origin's own status and headers in its detail. */
export function supernodeError(message: MessageOf<SupernodeMessage, 'failed'>): AppError {
  const detail: Record<string, string | number> = {}
  if (message.status !== undefined) detail['status'] = message.status
  const challenge = message.headers?.['www-authenticate']
  const retryAfter = message.headers?.['retry-after']
  if (challenge !== undefined) detail['wwwAuthenticate'] = challenge
  if (retryAfter !== undefined) detail['retryAfter'] = retryAfter
  const code = isErrorCode(message.code) ? message.code : 'BLOB_UNAVAILABLE'
  return new AppError(code, message.message, { detail })
}

/** Whether two descriptions are of the same bytes cut the same way. */
export function isSameContent(
  a: { geometry: Geometry; generation: string },
  b: { geometry: Geometry; generation: string },
): boolean {
  return (
    a.generation === b.generation &&
    a.geometry.contentLength === b.geometry.contentLength &&
    a.geometry.pieceSize === b.geometry.pieceSize
  )
}
