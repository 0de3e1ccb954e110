import { readCertificates } from '@df/kit'
import type { GetOptions } from './commands/get-options.ts'

/** Authorities (PEM) that a peer trusts besides those of the system. */
export interface TrustFiles {
  originCa: string | undefined
  supernodeCa: string | undefined
}

/** @throws AppError CONFIG_INVALID when a file named on the command line cannot be read or holds no certificate */
export async function readTrustFiles(
  options: Pick<GetOptions, 'caFile' | 'supernodeCaFile'>,
): Promise<TrustFiles> {
  return {
    originCa: await readCertificates('--cacert', options.caFile),
    supernodeCa: await readCertificates('--supernode-ca', options.supernodeCaFile),
  }
}
