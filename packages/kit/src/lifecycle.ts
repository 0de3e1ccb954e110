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
