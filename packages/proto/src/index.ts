export * from './api.ts'
export { AppError, type AppErrorOptions, isAppError, toAppError } from './app-error.ts'
export { BitfieldTextSchema, formatBitfieldText, parseBitfieldText } from './bitfield-text.ts'
export { type CanonicalUrlOptions, canonicalUrl, parseHttpUrl } from './canonical-url.ts'
export {
  type Digest,
  type DigestAlgorithm,
  DigestSchema,
  digestAlgorithm,
  digestHex,
  isDigest,
  parseDigest,
} from './digest.ts'
export {
  type ErrorCode,
  type ErrorInfo,
  errorCodes,
  errorInfo,
  isErrorCode,
  type OciErrorCode,
} from './errors.ts'
export { decodeHostFrame, decodeSupernodeFrame, encodeFrame } from './frame.ts'
export {
  type Geometry,
  GeometrySchema,
  geometryOf,
  pieceAt,
  pieceCount,
  pieceLength,
  pieceSpan,
  stripeOf,
} from './geometry.ts'
export {
  type HostId,
  HostIdSchema,
  isHostId,
  isTaskId,
  type PieceIndex,
  type StripeIndex,
  type TaskId,
  TaskIdSchema,
} from './ids.ts'
export * from './preheat.ts'
export {
  type Access,
  contentPath,
  headers,
  type PiecePriority,
  type Route,
  type RouteName,
  routes,
} from './routes.ts'
export * from './session.ts'
export {
  type QuerySignature,
  querySignature,
  unsignedQuery,
  unsignedUrl,
} from './signed-query.ts'
export { lengthPrefixed, type TaskIdentity, taskIdPreimage } from './task-id.ts'
