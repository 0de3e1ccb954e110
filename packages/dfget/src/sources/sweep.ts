import { listDownloads } from './data-dir.ts'

/** Unfinished downloads that nobody went on with for so long are given up. */
const STALE_MS = 7 * 24 * 60 * 60 * 1000

/** Removes the directories of downloads that were given up long ago. Never throws: it is no reason not to download. */
export async function sweepDownloads(base: string): Promise<void> {
  const staleSince = Date.now() - STALE_MS
  const stale = (await listDownloads(base)).filter(({ begunAtMs }) => begunAtMs <= staleSince)
  if (stale.length === 0) return
  const { withStore } = await import('./stored.ts')
  for (const { path, about } of stale) {
    await withStore({ path, about, isDownload: true }, async (store) => {
      for (const { task } of store.list()) await store.remove(task)
    }).catch(() => {})
  }
}
