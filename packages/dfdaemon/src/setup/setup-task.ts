import { isDeepStrictEqual } from 'node:util'
import { AppError } from '@df/proto'
import { applyEdits, removeEmptyFolders } from './apply.ts'
import { BaselineFiles } from './baseline.ts'
import { type Edit, setupEdits, undoEdits } from './edits.ts'
import type { Machine } from './machine.ts'
import type { Runtime } from './runtime-plan.ts'
import { type PlanSettings, planFor } from './runtime-plans.ts'
import { type RecordName, recordTitle, type SetupRecord } from './setup-record.ts'

/** What is to be done for one engine, or for those that share files. */
export interface SetupTask {
  name: RecordName
  edits: Edit[]
  /** Sentences for the user. */
  notes: string[]
  old: SetupRecord | undefined
  /** As it is to be; undefined: there is nothing to undo any more. */
  record: SetupRecord | undefined
  /** Who reads the files. */
  engines: Pick<SetupRecord, 'runtimes' | 'paths'>
}

/**
 * Makes up what setup changes; nothing is written.
 * @throws AppError CONFIG_INVALID when a file cannot be changed safely, OUTPUT_FAILED
 */
export function setupTask(
  { files, records }: Machine,
  name: RecordName,
  { settings, chosen }: { settings: PlanSettings; chosen: readonly Runtime[] },
): SetupTask {
  const { mirror, paths } = settings
  const old = records.get(name)
  const plan = planFor(name, new BaselineFiles(files, old), settings)
  const { edits, recorded } = setupEdits(files, { plan, mirror, record: old })
  const madeFolders = edits.flatMap(({ path, after }) =>
    after === undefined ? [] : files.missingFolders(path),
  )
  const record: SetupRecord = {
    version: 1,
    runtimes: [...new Set([...(old?.runtimes ?? []), ...chosen])],
    mirror,
    paths,
    isSuspended: false,
    files: recorded,
    madeFolders: [...new Set([...(old?.madeFolders ?? []), ...madeFolders])],
  }
  return {
    name,
    edits,
    notes: plan.notes,
    old,
    record: recorded.length > 0 ? record : undefined,
    engines: record,
  }
}

/**
 * Makes up what undo changes; nothing is written. Undefined when there is no record.
 * @throws AppError CONFIG_INVALID when a file cannot be changed safely, OUTPUT_FAILED
 */
export function undoTask({ files, records }: Machine, name: RecordName): SetupTask | undefined {
  const old = records.get(name)
  return old && { name, ...undoEdits(files, old), old, record: undefined, engines: old }
}

/**
 * Writes. Ended at any moment, each file is the old or the new one, and undo still knows what it was.
 * @throws AppError CONFIG_INVALID when others changed a file meanwhile; OUTPUT_FAILED: nothing is changed then
 */
export function commit({ files, records }: Machine, task: SetupTask): void {
  const { name, edits, old, record } = task
  if (!isDeepStrictEqual(records.get(name), old)) {
    throw new AppError('CONFIG_INVALID', `${recordTitle(name)} was set up by others just now`, {
      hint: 'run it again; nothing was changed',
    })
  }
  if (record !== undefined) records.put(name, withLeftOver(record, old))
  try {
    applyEdits(files, edits)
  } catch (error) {
    if (old !== undefined) records.put(name, old)
    else if (record !== undefined) records.delete(name)
    throw error
  }
  if (old !== undefined) {
    for (const { path } of old.files) files.removeTemporary(path)
    removeEmptyFolders(files, old.madeFolders)
  }
  if (record === undefined) records.delete(name)
  else records.put(name, record)
}

/** A record that undo can use before and after, and at any moment in between. */
function withLeftOver(record: SetupRecord, old: SetupRecord | undefined): SetupRecord {
  const isKept = (path: string) => record.files.some((file) => file.path === path)
  const leftOver = old?.files.filter(({ path }) => !isKept(path)) ?? []
  return { ...record, files: [...record.files, ...leftOver] }
}
