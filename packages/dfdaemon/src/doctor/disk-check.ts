import { constants } from 'node:fs'
import { access, stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import { formatSize } from '@df/kit'
import { type Check, type Finding, failure, ok, skipped, warning } from './check.ts'

const GIB = 1024 ** 3

export interface DiskFacts {
  dataDir: string
  /** The data directory, or the nearest folder above that exists. */
  folder: string
  /** Code of why nothing can be written to the folder: EACCES, EROFS. */
  unwritable: string | undefined
  isFolder: boolean
  /** Whose the folder is, and who looks. */
  ownerUid: number
  uid: number
  /** statfs(2) f_type. */
  type: number
  sizeBytes: number
  freeBytes: number
  /** 0 for file systems that do not count them. */
  inodes: number
  freeInodes: number
  /** undefined: half of the file system. */
  quotaBytes: number | undefined
}

/** File systems that the store does not go well with, by statfs(2) f_type. */
const fileSystems: ReadonlyMap<number, { name: string; level: 'warning' | 'error'; why: string }> =
  new Map([
    [0x4d44, { name: 'FAT', level: 'error', why: 'it has no sparse files' }],
    [0x2011_bab0, { name: 'exFAT', level: 'error', why: 'it has no sparse files' }],
    [0x6969, { name: 'NFS', level: 'warning', why: 'each piece crosses the network again' }],
    [0xff53_4d42, { name: 'CIFS', level: 'warning', why: 'each piece crosses the network again' }],
    [0xfe53_4d42, { name: 'SMB', level: 'warning', why: 'each piece crosses the network again' }],
    [
      0x0102_1994,
      { name: 'tmpfs', level: 'warning', why: 'contents take memory and are gone after a restart' },
    ],
    [
      0x794c_7630,
      { name: 'an overlay', level: 'warning', why: 'contents are gone with the container' },
    ],
  ])

/** Whether the data directory can hold contents. */
export const diskCheck: Check = {
  name: 'disk',
  summary: 'the data directory: writable, free space and inodes, quota, file system',
  async run({ config, uid }) {
    const { dataDir, cache } = config
    const folder = await nearestFolder(dataDir)
    const [about, system, unwritable] = await Promise.all([
      stat(folder),
      statfs(folder),
      access(folder, constants.W_OK | constants.X_OK).then(
        () => undefined,
        (error: unknown) =>
          error instanceof Error && 'code' in error ? String(error.code) : 'EACCES',
      ),
    ])
    const { bsize, blocks, bavail, files, ffree, type } = system
    return judgeDisk({
      dataDir,
      folder,
      unwritable,
      isFolder: about.isDirectory(),
      ownerUid: about.uid,
      uid,
      type,
      sizeBytes: bsize * blocks,
      freeBytes: bsize * bavail,
      inodes: files,
      freeInodes: ffree,
      quotaBytes: cache.quota,
    })
  },
}

export function judgeDisk(facts: DiskFacts): Finding[] {
  const { dataDir, folder, isFolder } = facts
  if (!isFolder) {
    return [failure(`${folder} is no folder`, 'choose another --data-dir, or remove the file')]
  }
  const found = [
    ...writable(facts),
    ...space(facts),
    ...inodes(facts),
    ...quota(facts),
    ...fileSystem(facts),
  ]
  if (found.length > 0) return found
  return [
    ok(
      `${dataDir}: writable, ${formatSize(facts.freeBytes)} of ${formatSize(facts.sizeBytes)} free`,
    ),
  ]
}

function writable({ folder, unwritable, ownerUid, uid }: DiskFacts): Finding[] {
  if (unwritable === undefined) return []
  if (unwritable === 'EROFS') {
    return [
      failure(
        `${folder} is on a file system that is read-only`,
        `mount it to be written (mount -o remount,rw ${folder}), or choose another --data-dir`,
      ),
    ]
  }
  // The folder of a dfdaemon that runs as somebody else is closed to this user, as it should be.
  if (uid !== 0 && ownerUid !== uid) {
    return [
      skipped(
        `whether ${folder} can be written: it belongs to user ${ownerUid}; run as that user or root`,
      ),
    ]
  }
  return [
    failure(
      `${folder} cannot be written (${unwritable})`,
      `chown or chmod it for the user that runs dfdaemon, or choose another --data-dir`,
    ),
  ]
}

function space({ dataDir, freeBytes, sizeBytes }: DiskFacts): Finding[] {
  const words = `${dataDir}: ${formatSize(freeBytes)} of ${formatSize(sizeBytes)} free`
  const mend = 'free space, lower --cache.quota, or choose another --data-dir'
  if (freeBytes < 64 * 1024 ** 2) {
    return [failure(`${words}, so blobs go past the store and reach no other host`, mend)]
  }
  return freeBytes < GIB || freeBytes < sizeBytes * 0.02 ? [warning(words, mend)] : []
}

function inodes({ dataDir, inodes: all, freeInodes }: DiskFacts): Finding[] {
  if (all === 0 || freeInodes > 1000) return []
  const words = `${dataDir}: ${freeInodes} of ${all} inodes free`
  const mend = 'remove small files from that file system, or choose another --data-dir'
  return [freeInodes < 16 ? failure(words, mend) : warning(words, mend)]
}

function quota({ dataDir, quotaBytes, sizeBytes }: DiskFacts): Finding[] {
  if (quotaBytes === undefined || quotaBytes <= sizeBytes) return []
  return [
    warning(
      `the quota of ${formatSize(quotaBytes)} is more than the whole file system of ${dataDir}, ${formatSize(sizeBytes)}`,
      'lower --cache.quota, or leave it out for half of the file system',
    ),
  ]
}

function fileSystem({ dataDir, type }: DiskFacts): Finding[] {
  const known = fileSystems.get(type)
  if (known === undefined) return []
  const find = known.level === 'error' ? failure : warning
  const words = `${dataDir} is on ${known.name}: ${known.why}`
  return [find(words, 'choose a --data-dir on ext4, xfs or btrfs')]
}

async function nearestFolder(path: string): Promise<string> {
  const exists = await stat(path).then(
    () => true,
    () => false,
  )
  return exists || path === dirname(path) ? path : await nearestFolder(dirname(path))
}
