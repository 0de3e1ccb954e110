export { confirmGeneration } from './confirm-generation.ts'
export type { ContentSource, ServedContent } from './content-source.ts'
export { type CutPiece, cutPieces } from './cut-pieces.ts'
export {
  createOriginClient,
  type OriginClient,
  type OriginClientOptions,
  type OriginRequest,
  type OriginResponse,
} from './origin-client.ts'
export { PaceWatch } from './pace-watch.ts'
export {
  createPieceClient,
  type FetchedPiece,
  type PieceClient,
  type PieceClientOptions,
  type PieceRequest,
} from './piece-client.ts'
export { createPieceServer, type PieceServer, type PieceServerOptions } from './piece-server.ts'
