import { parseContentRange } from '@df/codec'
import { AppError } from '@df/proto'
import { fieldValue } from './headers.ts'
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
  // A signature is good for one method.
  if (pull.credential.kind === 'query' && pull.method === 'GET') {
    return confirmByFirstByte(pull, registry, rights)
  }
  const head = await ask(pull, registry, 'HEAD')
  head.discard()
  const size = announcedLength(head)
  if (head.status >= 200 && head.status < 300 && (size !== undefined || !sizeNeeded)) {
    rememberRight(pull, rights, head)
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
      rememberRight(pull, rights, answer)
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
  { exchange, upstream, path, fields: given }: BlobPull,
  registry: RegistryClient,
  method: 'GET' | 'HEAD',
  more: { range?: string } = {},
): Promise<RegistryAnswer> {
  const { 'if-none-match': _, 'if-modified-since': __, ...fields } = given
  return registry.ask({
    upstream,
    method,
    path,
    headers: { ...fields, 'accept-encoding': 'identity', ...more },
    budgetMs: exchange.leftMs(),
    signal: exchange.signal,
  })
}

/**
 * Takes the right for granted for a while, since the registry answered the caller's question with the blob. One in a
 * query not beyond its end, which the later of the registry's clock and ours decides, and not at all when the end is unknown.
 */
export function rememberRight(
  pull: BlobPull,
  rights: Rights,
  { headers }: Pick<RegistryAnswer, 'headers'>,
): void {
  const { credential, what } = pull
  const scope = scopeOf(pull, rights)
  if (credential.kind === 'header') return rights.confirm(scope, [what.digest])
  const registryMs = Date.parse(fieldValue(headers, 'date') ?? '')
  const nowMs = Math.max(Date.now(), Number.isNaN(registryMs) ? 0 : registryMs)
  rights.confirm(scope, [what.digest], (credential.endsAtMs ?? 0) - nowMs)
}

/** Whose right to what the pull is about. */
function scopeOf({ credential, upstream, what }: BlobPull, rights: Rights): RightsScope {
  return {
    credential: rights.credentialOf(
      credential.kind === 'header' ? credential.authorization : credential.query,
    ),
    upstream: upstream.base,
    repository: what.repository,
  }
}
