import { AppError, isErrorCode, ProblemSchema } from '@df/proto'
import { Compile } from 'typebox/compile'
import type { Dispatcher } from 'undici'

const MAX_PROBLEM_BYTES = 64 * 1024
const problem = Compile(ProblemSchema)

/** The JSON of an answer of at most so many bytes; undefined when it is something else. */
export async function jsonAnswer(
  answer: Dispatcher.ResponseData,
  maxBytes: number,
): Promise<unknown> {
  const parts: Buffer[] = []
  let size = 0
  for await (const part of answer.body as AsyncIterable<Buffer>) {
    size += part.length
    if (size > maxBytes) return undefined
    parts.push(part)
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString())
  } catch {
    return undefined
  }
}

/** What one of our programs refused with: a problem (RFC 9457), or PARENT_FAILED when it says something else. */
export async function problemAnswer(
  answer: Dispatcher.ResponseData,
  program: string,
): Promise<AppError> {
  const value = await jsonAnswer(answer, MAX_PROBLEM_BYTES)
  if (!problem.Check(value) || !isErrorCode(value.code)) {
    return new AppError('PARENT_FAILED', `the ${program} answered ${answer.statusCode}`)
  }
  const { code, title, detail = title, hint } = value
  return new AppError(code, detail, hint === undefined ? {} : { hint })
}
