export type {
  ContentMeta,
  ContentStore,
  ContentSummary,
  PieceRecord,
  StoredContent,
} from './content-store.ts'
export { type ContentStoreOptions, createContentStore } from './create-content-store.ts'
export { type PieceArrivals, readArriving } from './read-arriving.ts'
export { Spool, type SpoolFile } from './spool.ts'
export { WholeDigest } from './whole-digest.ts'
