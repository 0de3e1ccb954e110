import { type Found, foundIn } from './baseline.ts'
import type { FileRights, RootedFiles } from './rooted-files.ts'
import type { Effect, RuntimePlan, WantedFile } from './runtime-plan.ts'
import type { RecordedFile, SetupRecord } from './setup-record.ts'

/** A file that is to change. */
export interface Edit {
  path: string
  before: string | undefined
  /** Undefined: it goes. */
  after: string | undefined
  /** To be given to it; otherwise those it has stay. */
  rights?: FileRights
  effect: Effect
}

export interface SetupEdits {
  edits: Edit[]
  /** What the record says of files afterwards. */
  recorded: RecordedFile[]
}

/** What setup changes, so that each file is as the plan wants it and undo knows what it was. */
export function setupEdits(
  files: RootedFiles,
  { plan, mirror, record }: { plan: RuntimePlan; mirror: string; record: SetupRecord | undefined },
): SetupEdits {
  const known = record?.files ?? []
  const wanted = plan.files.map((file) => {
    const recorded = known.find(({ path }) => path === file.path)
    return wantedEdit(files, { file, recorded, mirror, oldMirror: record?.mirror ?? mirror })
  })
  const leftOver = known.filter(({ path }) => !plan.files.some((file) => file.path === path))
  return {
    edits: [
      ...wanted.map(({ edit }) => edit),
      ...(record === undefined ? [] : undoEdits(files, { ...record, files: leftOver }).edits),
    ].filter(isChange),
    recorded: wanted.flatMap(({ recorded }) => recorded ?? []),
  }
}

export interface UndoEdits {
  edits: Edit[]
  /** Sentences about files that others changed. */
  notes: string[]
}

/** What undo changes: files as we left them become what they were, others lose what is ours. */
export function undoEdits(files: RootedFiles, record: SetupRecord): UndoEdits {
  const results = record.files.map((recorded) => {
    const { path, original, effect } = recorded
    const before = files.read(path)
    const { state, baseline } = foundIn(recorded, record.mirror, before)
    const edit: Edit = { path, before, after: baseline, effect }
    if (state === 'ours' && original !== null) edit.rights = original
    return { edit, notes: state === 'changed' ? [changedNote(edit)] : [] }
  })
  return {
    edits: results.map(({ edit }) => edit).filter(isChange),
    notes: results.flatMap(({ notes }) => notes),
  }
}

function changedNote({ path, before, after }: Edit): string {
  if (before === undefined) return `${path} has been removed by others: nothing to take out`
  return before === after
    ? `${path} has been changed by others and has nothing of ours any more`
    : `${path} has been changed by others since: only the mirror is taken out, it is not restored as it was`
}

interface WantedEdit {
  file: WantedFile
  recorded: RecordedFile | undefined
  mirror: string
  oldMirror: string
}

function wantedEdit(
  files: RootedFiles,
  { file, recorded, mirror, oldMirror }: WantedEdit,
): { edit: Edit; recorded: RecordedFile | undefined } {
  const { path, entry, effect } = file
  const now = files.state(path)
  const before = now?.text
  const found = recorded && foundIn(recorded, oldMirror, before)
  const baseline = found === undefined ? before : found.baseline
  const edit = { path, before, after: file.text, effect }
  if (file.text === baseline) return { edit, recorded: undefined }
  // Others changed it around our entry, which is still right.
  const isKept = found?.state === 'changed' && before !== baseline && mirror === oldMirror
  if (isKept) return { edit: { ...edit, after: before }, recorded }
  const isOriginalKnown = recorded !== undefined && found?.state !== 'changed'
  const original = baseline === undefined || now === undefined ? null : { ...now, text: baseline }
  return {
    edit,
    recorded: {
      path,
      entry,
      effect,
      original: isOriginalKnown ? recorded.original : original,
      written: [...(isOursIn(before, found) && before !== file.text ? [before] : []), file.text],
    },
  }
}

/** Whether the text that is there has our entry. */
function isOursIn(text: string | undefined, found: Found | undefined): text is string {
  return text !== undefined && found !== undefined && text !== found.baseline
}

function isChange({ before, after }: Edit): boolean {
  return before !== after
}
