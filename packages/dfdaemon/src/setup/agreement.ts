import { createInterface } from 'node:readline/promises'
import type { CommandIo } from '@df/kit'

/**
 * Asks whether to write what has been shown. Only a clear yes counts.
 * @throws the signal's reason when it aborts first
 */
export async function isAgreed(io: CommandIo): Promise<boolean> {
  const { stdin, stdout, signal } = io
  stdout.write('Write this? [y/N] ')
  const lines = createInterface({ input: stdin })
  try {
    const answer = await Promise.race([
      lines.question('', { signal }),
      new Promise<string>((resolve) => lines.once('close', () => resolve(''))),
    ])
    return /^\s*y(es)?\s*$/i.test(answer)
  } finally {
    lines.close()
  }
}

/** Whether somebody is there to be asked. */
export function canAsk({ stdin, stdout }: CommandIo): boolean {
  return stdin.isTTY === true && stdout.columns !== undefined
}
