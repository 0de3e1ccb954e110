import { foundIn } from './baseline.ts'
import type { Edit } from './edits.ts'
import type { Machine } from './machine.ts'
import type { RecordedFile, RecordName } from './setup-record.ts'
import type { SetupTask } from './setup-task.ts'

/** Which files the watchdog may touch: those that count only after a restart are left unless it may restart. */
type IsChosen = (file: RecordedFile) => boolean

/**
 * Makes up how to take the mirror out for a while: as undo does, but the record stays, with the texts that are to come
 * back. Undefined when there is nothing of ours to take out.
 * @throws AppError CONFIG_INVALID, OUTPUT_FAILED
 */
export function suspendTask(
  { files, records }: Machine,
  name: RecordName,
  isChosen: IsChosen,
): SetupTask | undefined {
  const old = records.get(name)
  if (old === undefined || old.isSuspended) return undefined
  const results = old.files.map((file) => {
    if (!isChosen(file)) return { file }
    const now = files.state(file.path)
    const { state, baseline } = foundIn(file, old.mirror, now?.text)
    // Others took it out: so it does not come back.
    if (now === undefined || now.text === baseline) return {}
    const edit: Edit = {
      path: file.path,
      before: now.text,
      after: baseline,
      effect: file.effect,
      ...(state === 'ours' && file.original !== null && { rights: file.original }),
    }
    if (state === 'ours') return { edit, file }
    const original = baseline === undefined ? null : { ...now, text: baseline }
    return { edit, file: { ...file, original, written: [now.text] } }
  })
  const edits = results.flatMap(({ edit }) => edit ?? [])
  if (edits.length === 0) return undefined
  const record = { ...old, isSuspended: true, files: results.flatMap(({ file }) => file ?? []) }
  return { name, edits, notes: [], old, record, engines: old }
}

/**
 * Makes up how to put back what `suspendTask` took out. Files that others changed meanwhile are left to them.
 * Undefined when nothing is suspended.
 * @throws AppError OUTPUT_FAILED
 */
export function resumeTask({ files, records }: Machine, name: RecordName): SetupTask | undefined {
  const old = records.get(name)
  if (old === undefined || !old.isSuspended) return undefined
  const results = old.files.map((file) => {
    const before = files.read(file.path)
    const after = file.written.at(-1)
    // Never taken out, or not yet when the watchdog was killed.
    if (before !== undefined && file.written.includes(before)) return { file }
    if (before === file.original?.text) {
      return { file, edit: { path: file.path, before, after, effect: file.effect } }
    }
    return { note: `${file.path} was changed by others meanwhile: the mirror stays out of it` }
  })
  const record = { ...old, isSuspended: false, files: results.flatMap(({ file }) => file ?? []) }
  return {
    name,
    edits: results.flatMap(({ edit }) => edit ?? []),
    notes: results.flatMap(({ note }) => note ?? []),
    old,
    record: record.files.length > 0 ? record : undefined,
    engines: old,
  }
}
