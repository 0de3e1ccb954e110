import { parseContentRange } from '@df/codec'
import { AppError } from '@df/proto'
import { callerFields, fieldValue } from './headers.ts'
import type { BlobPull } from './pull.ts'
import {
  announcedLength,
  isRefusal,
  type RegistryAnswer,
  type RegistryClient,
} from './registry-client.ts'
import type { Rights, RightsScope } from './rights.ts'

export type Confirmation =
  | { kind: 'confirmed'; how: 'remembered' | 'asked'; size: number | undefined }
  /** The registry's own refusal; its body is still to be read or given up, and there is none after a HEAD. */
  | { kind: 'refused'; asked: 'HEAD' | 'GET'; answer: RegistryAnswer }

export interface ConfirmOptions {
  registry: RegistryClient
  rights: Rights
  /** Ask also when the right is remembered, for the size. */
  sizeNeeded: boolean
}

/**
 * Whether this caller may have this blob of this repository: remembered for a short time, else asked at the
 * registry with the caller's own fields. A registry that cannot be asked confirms nothing.
 * @throws AppError ORIGIN_* when the registry cannot be reached or says neither yes nor no
 */
export async function confirmRight(pull: BlobPull, options: ConfirmOptions): Promise<Confirmation> {
  const { registry, rights, sizeNeeded } = options
  const scope = scopeOf(pull, rights)
  if (!sizeNeeded && rights.has(scope, pull.what.digest)) {
    return { kind: 'confirmed', how: 'remembered', size: undefined }
  }
  const head = await ask(pull, registry, 'HEAD')
  head.discard()
  const size = announcedLength(head)
  if (head.status >= 200 && head.status < 300 && (size !== undefined || !sizeNeeded)) {
    rights.confirm(scope, [pull.what.digest])
    return { kind: 'confirmed', how: 'asked', size }
  }
  if (isRefusal(head.status) && !head.redirected)
    return { kind: 'refused', asked: 'HEAD', answer: head }
  return confirmByFirstByte(pull, registry, rights)
}

/** For where HEAD says nothing: storage behind a redirect refuses it when the address is signed for GET. */
async function confirmByFirstByte(
  pull: BlobPull,
  registry: RegistryClient,
  rights: Rights,
): Promise<Confirmation> {
  const answer = await ask(pull, registry, 'GET', { range: 'bytes=0-0' })
  if (isRefusal(answer.status)) return { kind: 'refused', asked: 'GET', answer }
  answer.discard()
  const part = parseContentRange(fieldValue(answer.headers, 'content-range'))
  switch (answer.status) {
    case 200:
    case 206:
    case 416: // an empty blob has no first byte
      rights.confirm(scopeOf(pull, rights), [pull.what.digest])
      return { kind: 'confirmed', how: 'asked', size: sizeSaid(answer, part?.size) }
    default:
      throw new AppError('ORIGIN_FAILED', `the registry answered ${answer.status}`)
  }
}

function sizeSaid(answer: RegistryAnswer, ofRange: number | undefined): number | undefined {
  if (answer.status === 200) return announcedLength(answer)
  return answer.status === 206 ? ofRange : 0
}

function ask(
  { exchange, upstream, path }: BlobPull,
  registry: RegistryClient,
  method: 'GET' | 'HEAD',
  more: { range?: string } = {},
): Promise<RegistryAnswer> {
  const { 'if-none-match': _, 'if-modified-since': __, ...fields } = callerFields(exchange.request)
  return registry.ask({
    upstream,
    method,
    path,
    headers: { ...fields, 'accept-encoding': 'identity', ...more },
    budgetMs: exchange.leftMs(),
    signal: exchange.signal,
  })
}

/** Whose right to what the pull is about. */
export function scopeOf({ exchange, upstream, what }: BlobPull, rights: Rights): RightsScope {
  return {
    credential: rights.credentialOf(exchange.request.headers.authorization),
    upstream: upstream.base,
    repository: what.repository,
  }
}
