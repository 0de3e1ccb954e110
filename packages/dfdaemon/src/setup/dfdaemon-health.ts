const TIMEOUT_MS = 2000

/** Why the dfdaemon at an address cannot be used now; undefined when it can. Asks `path` of it. */
export async function healthProblem(mirror: string, path: string): Promise<string | undefined> {
  try {
    const answer = await fetch(new URL(path, mirror), {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      redirect: 'manual',
    })
    await answer.body?.cancel()
    return answer.status === 200 ? undefined : `${path} answers ${answer.status}`
  } catch (error) {
    if ((error as Error).name === 'TimeoutError') return `no answer in ${TIMEOUT_MS} ms`
    const { code } = ((error as Error).cause ?? {}) as { code?: string }
    return code ?? (error as Error).message
  }
}
