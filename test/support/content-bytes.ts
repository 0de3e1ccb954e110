import type { FaultServer } from '@df/testkit'

/** Bytes of a blob that a registry sent; the words of its refusals do not count. */
export function contentBytesSent({ log }: Pick<FaultServer, 'log'>, digest: string): number {
  return log
    .matching(new RegExp(`/blobs/${digest}`))
    .filter(({ status = 0 }) => status >= 200 && status < 300)
    .reduce((sum, { sentBytes }) => sum + sentBytes, 0)
}
