import { isAppError } from '@df/proto'
import type { OriginClient, OriginRequest } from './origin-client.ts'

/**
 * The origin's word, by the caller's own right, on which state of the content it has (see codec `generationOf`).
 * @throws AppError as {@link OriginClient.open}
 */
export async function confirmGeneration(
  origin: OriginClient,
  request: Pick<OriginRequest, 'url' | 'headers' | 'signal'>,
): Promise<string> {
  try {
    return await generationAt(origin, { ...request, range: { start: 0, end: 1 } })
  } catch (error) {
    // An empty content has no first byte.
    if (!isAppError(error, 'RANGE_INVALID')) throw error
    return await generationAt(origin, request)
  }
}

async function generationAt(origin: OriginClient, request: OriginRequest): Promise<string> {
  const response = await origin.open(request)
  response.cancel()
  return response.generation
}
