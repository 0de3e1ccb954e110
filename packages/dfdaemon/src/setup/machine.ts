import type { RootedFiles } from './rooted-files.ts'
import type { SetupRecords } from './setup-record.ts'

/** The machine whose engines are set up. */
export interface Machine {
  files: RootedFiles
  records: SetupRecords
}
