import { realpathSync } from 'node:fs'
import { AppError } from '@df/proto'

const claimed = new Set<string>()

/**
 * Claims a directory within this process; gives the way to let go. Against other processes LevelDB's lock
 * holds, but a process that opens its own database again loses that lock: POSIX gives up all locks of a
 * process on a file when any of its descriptors is closed (fcntl(2)).
 * @throws AppError DATA_DIR_IN_USE
 */
export function claimDirectory(dir: string): () => void {
  const path = realpathSync(dir)
  if (claimed.has(path)) throw directoryInUse(dir)
  claimed.add(path)
  return () => claimed.delete(path)
}

export function directoryInUse(dir: string, cause?: unknown): AppError {
  return new AppError('DATA_DIR_IN_USE', `another process uses the data directory ${dir}`, {
    hint: 'stop that process, or give this one a data directory of its own (--data-dir)',
    cause,
  })
}
