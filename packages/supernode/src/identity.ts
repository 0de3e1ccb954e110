import { createHash, randomUUID } from 'node:crypto'
import { link, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { generateSigningKey, type SigningKey, signingKeyFromPem } from '@df/codec'
import { makeFolder } from '@df/kit'
import { AppError, type HostId } from '@df/proto'

/** Who this SuperNode is: the key it signs pieces and tickets with, and the id made from it. */
export interface SupernodeIdentity {
  id: HostId
  key: SigningKey
}

/**
 * The identity kept in the data directory (made, and its key drawn, when absent). The key file is readable by
 * its owner alone.
 * @throws AppError STORAGE_FAILED
 */
export async function loadIdentity(dataDir: string): Promise<SupernodeIdentity> {
  const path = join(dataDir, 'signing-key.pem')
  try {
    await makeFolder(dataDir, 0o700)
    const key = signingKeyFromPem((await readIfThere(path)) ?? (await create(path)))
    const id = createHash('sha256').update(key.publicKey).digest('hex').slice(0, 32) as HostId
    return { id, key }
  } catch (cause) {
    if (cause instanceof AppError) throw cause
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new AppError(
      'STORAGE_FAILED',
      `the data directory ${dataDir} cannot be used: ${reason}`,
      {
        cause,
        hint: 'choose another one with --data-dir, or give this user the right to write there',
      },
    )
  }
}

/** Whole or not at all; when two processes make one at a time, both use the first. */
async function create(path: string): Promise<string> {
  const aside = `${path}.${randomUUID()}`
  const file = await open(aside, 'wx', 0o600)
  try {
    await file.writeFile(generateSigningKey().toPem())
    await file.sync()
    await file.close()
    await link(aside, path).catch((error: unknown) => {
      if (!hasCode(error, 'EEXIST')) throw error
    })
  } finally {
    await rm(aside, { force: true })
  }
  return readFile(path, 'utf8')
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
