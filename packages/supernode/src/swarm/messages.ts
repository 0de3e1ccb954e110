import type { AppError, MessageOf, SupernodeMessage, TaskId } from '@df/proto'

const MAX_MESSAGE = 2048
const MAX_HEADER = 8192

/** `failed`, with the origin's own answer when that is the reason. */
export function failedMessage(
  task: TaskId,
  error: AppError,
): MessageOf<SupernodeMessage, 'failed'> {
  const status = error.detail['status']
  const headers: Record<string, string> = {}
  const { wwwAuthenticate, retryAfter } = error.detail
  if (wwwAuthenticate !== undefined) headers['www-authenticate'] = shortened(wwwAuthenticate)
  if (retryAfter !== undefined) headers['retry-after'] = shortened(retryAfter)
  return {
    type: 'failed',
    task,
    code: error.code,
    message: error.message.slice(0, MAX_MESSAGE),
    ...(typeof status === 'number' && status >= 100 && status <= 599 ? { status } : {}),
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
  }
}

function shortened(value: string | number | boolean): string {
  return String(value).slice(0, MAX_HEADER)
}
