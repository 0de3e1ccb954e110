import { expect, test } from 'vitest'
import { type DiskFacts, judgeDisk } from './disk-check.ts'

const GIB = 1024 ** 3
const well: DiskFacts = {
  dataDir: '/srv/dfdaemon',
  folder: '/srv/dfdaemon',
  unwritable: undefined,
  isFolder: true,
  ownerUid: 0,
  uid: 0,
  type: 0xef53,
  sizeBytes: 100 * GIB,
  freeBytes: 50 * GIB,
  inodes: 1e6,
  freeInodes: 9e5,
  quotaBytes: undefined,
}
const judge = (over: Partial<DiskFacts>) => judgeDisk({ ...well, ...over })

test('a folder with space is well', () => {
  expect(judge({})).toEqual([
    { level: 'ok', message: '/srv/dfdaemon: writable, 50 GiB of 100 GiB free' },
  ])
})

test.each<[string, Partial<DiskFacts>, string, RegExp]>([
  ['a file in the way', { isFolder: false }, 'error', /choose another --data-dir, or remove/],
  ['read-only', { unwritable: 'EROFS' }, 'error', /mount -o remount,rw \/srv\/dfdaemon/],
  ['not to be written', { unwritable: 'EACCES' }, 'error', /chown or chmod/],
  ['nearly full', { freeBytes: 0.5 * GIB }, 'warning', /free space, lower --cache.quota/],
  ['full', { freeBytes: 1024 }, 'error', /free space, lower --cache.quota/],
  ['few inodes', { freeInodes: 900 }, 'warning', /remove small files/],
  ['no inodes', { freeInodes: 3 }, 'error', /remove small files/],
  ['too large a quota', { quotaBytes: 200 * GIB }, 'warning', /lower --cache.quota/],
  ['FAT', { type: 0x4d44 }, 'error', /ext4, xfs or btrfs/],
  ['tmpfs', { type: 0x01021994 }, 'warning', /ext4, xfs or btrfs/],
  ['NFS', { type: 0x6969 }, 'warning', /ext4, xfs or btrfs/],
])('%s', (_, over, level, mend) => {
  expect(judge(over)).toEqual([
    { level, message: expect.any(String), mend: expect.stringMatching(mend) },
  ])
})

test("another user's folder is closed to this one, as it should be", () => {
  expect(judge({ unwritable: 'EACCES', uid: 1000, ownerUid: 997 })).toEqual([
    {
      level: 'skipped',
      message:
        'whether /srv/dfdaemon can be written: it belongs to user 997; run as that user or root',
    },
  ])
})

test('file systems that count no inodes are left in peace', () => {
  expect(judge({ inodes: 0, freeInodes: 0 })).toMatchObject([{ level: 'ok' }])
})
