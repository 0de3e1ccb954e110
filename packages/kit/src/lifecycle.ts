/** A part of a program that runs between `start` and `stop`; both are called at most once, `stop` also after a failed `start`. */
export interface Startable {
  start(): Promise<void>
  stop(): Promise<void>
}

/**
 * Starts the parts in order. When one fails, it and those started before it are stopped in reverse order.
 * @throws what the failing part threw; trouble while stopping is dropped, since the first error is the reason
 */
export async function startAll(parts: readonly Startable[]): Promise<void> {
  for (const [index, part] of parts.entries()) {
    try {
      await part.start()
    } catch (error) {
      await stopAll(parts.slice(0, index + 1)).catch(() => undefined)
      throw error
    }
  }
}

/**
 * Several parts as one that starts them in order and stops them all at once: servers, for instance, which
 * else would each wait for their open answers in turn.
 */
export function together(parts: readonly Startable[]): Startable {
  return {
    start: () => startAll(parts),
    async stop() {
      const results = await Promise.allSettled(parts.map((part) => part.stop()))
      const failed = results.find((result) => result.status === 'rejected')
      if (failed !== undefined) throw failed.reason
    },
  }
}

/**
 * Stops the parts in reverse order, each of them whatever happens to the others.
 * @throws the first error met
 */
export async function stopAll(parts: readonly Startable[]): Promise<void> {
  const errors: unknown[] = []
  for (const part of parts.toReversed()) {
    try {
      await part.stop()
    } catch (error) {
      errors.push(error)
    }
  }
  if (errors.length > 0) throw errors[0]
}
