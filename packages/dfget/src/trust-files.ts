import type { GetOptions } from './commands/get-options.ts'
import { readPem } from './pem-file.ts'

/** Authorities (PEM) that a peer trusts besides those of the system. */
export interface TrustFiles {
  originCa: string | undefined
  supernodeCa: string | undefined
}

/** @throws AppError USAGE when a file named on the command line cannot be read or holds no certificate */
export async function readTrustFiles(
  options: Pick<GetOptions, 'caFile' | 'supernodeCaFile'>,
): Promise<TrustFiles> {
  return {
    originCa: await readPem('cacert', options.caFile),
    supernodeCa: await readPem('supernode-ca', options.supernodeCaFile),
  }
}
