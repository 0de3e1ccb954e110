import type { StreamOutput } from './output.ts'
import { outputError } from './output-error.ts'
import { writeFully } from './write-fully.ts'

export interface DescriptorOutputOptions {
  name: string
  /** Opens the descriptor when the first byte is there. */
  open(): Promise<{ fd: number; close(): Promise<void> }>
}

/** A terminal, a device such as /dev/null, or a redirected standard output: written in place by blocking calls off the main thread. */
export function createDescriptorOutput({ name, open }: DescriptorOutputOptions): StreamOutput {
  let opened: ReturnType<DescriptorOutputOptions['open']> | undefined
  const onError = (error: unknown): never => {
    throw outputError(error, { name })
  }
  return {
    kind: 'stream',
    name,
    async write(chunk) {
      opened ??= open()
      await opened.then(({ fd }) => writeFully(fd, chunk, null)).catch(onError)
    },
    async commit() {
      opened ??= open()
      await opened.then(({ close }) => close()).catch(onError)
    },
    async discard() {
      await opened?.then(({ close }) => close()).catch(() => {})
    },
  }
}
