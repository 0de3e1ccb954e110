import { randomBytes } from 'node:crypto'
import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { makeFolder } from '@df/kit'
import { type HostId, isHostId } from '@df/proto'

/** The id of this host: drawn once and kept in the data directory. */
export async function loadHostId(dataDir: string): Promise<HostId> {
  const path = join(dataDir, 'host-id')
  const kept = (await readFile(path, 'utf8').catch(() => '')).trim()
  if (isHostId(kept)) return kept
  const drawn = randomBytes(16).toString('hex') as HostId
  await makeFolder(dataDir, 0o700)
  await writeFile(`${path}.new`, `${drawn}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
  return drawn
}
