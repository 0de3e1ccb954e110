import { formatSize } from '@df/kit'
import { AppError, type TaskId } from '@df/proto'
import type { ContentStore, ContentSummary } from '@df/storage'
import { oneLine } from '../progress/text.ts'
import { type Place, placesAt, withStore } from '../sources/stored.ts'
import { type Operands, usage } from './command-line.ts'

export interface CacheContext {
  /** dfget's own folder on this host. */
  baseDir: string
  write(text: string): void
}

/** A content and where it lies. */
interface Entry {
  place: Place
  content: ContentSummary
}

interface Listing {
  entries: Entry[]
  /** Downloads that run now. */
  busy: Place[]
}

const actions = ['ls', 'rm', 'verify'] as const
const SHORT_TASK = 12

/**
 * `cache ls`, `cache rm` and `cache verify`.
 * @throws AppError USAGE; TASK_NOT_FOUND for a task that is not stored; DATA_DIR_IN_USE when the directory named is in
 *   use; PIECE_INVALID when `verify` found wrong pieces
 */
export async function cache({ operands, values }: Operands, context: CacheContext): Promise<void> {
  const [word, ...tasks] = operands
  const action = actions.find((known) => known === word)
  if (action === undefined) {
    throw usage(
      `dfget cache ${word ?? ''}`.trimEnd().concat(': what?'),
      `it is ${actions.join(', ')}`,
    )
  }
  const { entries, busy } = await list(await placesAt(values.text('data-dir'), context.baseDir))
  const report = values.has('json') ? jsonReport(context) : textReport(context)
  switch (action) {
    case 'ls':
      for (const entry of entries) report.content(entry, {})
      for (const place of busy) report.busy(place)
      return
    case 'rm':
      if (values.has('all') === tasks.length > 0)
        throw usage('dfget cache rm: name the tasks, or --all')
      for (const entry of values.has('all') ? entries : chosen(entries, tasks)) {
        await inStore(entry, (store, task) => store.remove(task))
        report.content(entry, { removed: true })
      }
      return
    case 'verify':
      return verify(tasks.length === 0 ? entries : chosen(entries, tasks), report)
  }
}

async function verify(entries: readonly Entry[], report: Report): Promise<void> {
  let wrong = 0
  for (const entry of entries) {
    const wrongPieces = (await inStore(entry, recheck)) ?? 0
    report.content(entry, { wrongPieces })
    wrong += wrongPieces
  }
  if (wrong === 0) return
  throw new AppError('PIECE_INVALID', `${wrong} stored pieces were wrong and have been dropped`, {
    hint: 'check the disk; the next download fetches them again',
  })
}

/** Opening may check the pieces already, when the file is not as it was left: so the pieces lost are counted. */
async function recheck(store: ContentStore, task: TaskId): Promise<number> {
  const before = store.summary(task)?.havePieces ?? 0
  const content = await store.open(task)
  if (content === undefined) return before
  try {
    await content.recheck()
    return before - content.havePieces
  } finally {
    content.release()
  }
}

async function list(places: readonly Place[]): Promise<Listing> {
  const entries: Entry[] = []
  const busy: Place[] = []
  for (const place of places) {
    const contents = await withStore(place, async (store) => store.list())
    if (contents === undefined) busy.push(place)
    else entries.push(...contents.map((content) => ({ place, content })))
  }
  return { entries, busy }
}

/** Does something with a content; undefined when a download took its directory meanwhile. */
function inStore<T>(
  { place, content }: Entry,
  action: (store: ContentStore, task: TaskId) => Promise<T>,
): Promise<T | undefined> {
  return withStore(place, (store) => action(store, content.task))
}

/** The contents whose task ids begin as given. */
function chosen(entries: readonly Entry[], prefixes: readonly string[]): Entry[] {
  return prefixes.flatMap((prefix) => {
    const found = entries.filter(({ content }) => content.task.startsWith(prefix.toLowerCase()))
    const tasks = new Set(found.map(({ content }) => content.task))
    if (tasks.size > 1)
      throw usage(`'${prefix}' is the beginning of several tasks`, 'write more of it')
    if (tasks.size === 1) return found
    throw new AppError('TASK_NOT_FOUND', `no task '${prefix}' is stored`, {
      hint: 'dfget cache ls tells which are',
    })
  })
}

interface Report {
  content(entry: Entry, done: { removed?: boolean; wrongPieces?: number }): void
  busy(place: Place): void
}

function textReport({ write }: CacheContext): Report {
  const line = (first: string, size: string, state: string, rest: string) =>
    write(
      `${first.padEnd(SHORT_TASK)}  ${size.padStart(9)}  ${state.padEnd(8)}  ${oneLine(rest)}\n`,
    )
  const about = ({ about: known }: Place, url: string) =>
    known === undefined ? url : `${known.url} -> ${known.output}`
  return {
    content({ place, content }, { removed, wrongPieces }) {
      const { contentLength } = content.geometry
      const share = contentLength === 0 ? 1 : content.storedBytes / contentLength
      let state = `${Math.floor(share * 100)}%`
      if (removed === true) state = 'removed'
      if (wrongPieces !== undefined) state = wrongPieces === 0 ? 'right' : `${wrongPieces} wrong`
      const short = content.task.slice(0, SHORT_TASK)
      line(short, formatSize(contentLength), state, about(place, content.url))
    },
    busy: (place) => line('', '', 'running', about(place, place.path)),
  }
}

function jsonReport({ write }: CacheContext): Report {
  const line = (place: Place, fields: object) =>
    write(
      `${JSON.stringify({ dataDir: place.path, output: place.about?.output ?? null, ...fields })}\n`,
    )
  return {
    content({ place, content }, done) {
      const { task, url, geometry, storedBytes, verified, lastUsedAtMs } = content
      line(place, {
        running: false,
        task,
        url,
        contentLength: geometry.contentLength,
        storedBytes,
        verified,
        lastUsedAt: new Date(lastUsedAtMs).toISOString(),
        ...done,
      })
    },
    busy: (place) => line(place, { running: true, url: place.about?.url ?? null }),
  }
}
