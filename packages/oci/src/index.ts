export { AnonymousTokens, type AnonymousTokensOptions } from './anonymous-token.ts'
export { loginInFile } from './auth/auth-file.ts'
export { Keychain, type KeychainOptions } from './auth/keychain.ts'
export type { StoredLogin } from './auth/stored-login.ts'
export { type Challenge, parseChallenges } from './challenge.ts'
export {
  type IndexChild,
  indexChildren,
  MAX_MANIFEST_BYTES,
  type ManifestDigests,
  manifestDigests,
} from './manifest.ts'
export { mediaTypes } from './media-types.ts'
export { redactUrl } from './redact.ts'
export { type RedirectOptions, redirectHandler } from './redirect/answer.ts'
export { RedirectOrigins, type RedirectOriginsOptions } from './redirect/origins.ts'
export { redirectSettings } from './redirect/settings.ts'
export {
  familiarReference,
  formatReference,
  type ImageReference,
  parseReference,
} from './reference.ts'
export {
  type LoginCredentials,
  RegistryLogin,
  type RegistryLoginOptions,
} from './registry-login.ts'
export { parseRegistryPath, type RegistryPath } from './registry-path.ts'
export { configuredRegistryUrl, defaultRegistryUrl } from './registry-url.ts'
export { createBlobServices } from './serving/blob-services.ts'
export { serveBlob } from './serving/blobs.ts'
export type {
  ContentEngine,
  ContentRequest,
  OpenContent,
  ServingMetrics,
} from './serving/content-engine.ts'
export { gateByDigest, matchesDigest } from './serving/digest-gate.ts'
export { counted, slice } from './serving/direct-source.ts'
export { reasonOf, report, settle } from './serving/ending.ts'
export { Exchange } from './serving/exchange.ts'
export {
  callerFields,
  callerIdentity,
  fieldValue,
  type HeaderFields,
  stayingFields,
} from './serving/headers.ts'
export { LentBuffers } from './serving/lent-buffers.ts'
export {
  blobUnavailable,
  ociError,
  refusalOf,
  unavailable,
  type WholeAnswer,
} from './serving/oci-errors.ts'
export type { BlobPull, BlobServices, Pull } from './serving/pull.ts'
export {
  announcedLength,
  createRegistryClient,
  type RegistryAnswer,
  type RegistryClient,
  type Upstream,
} from './serving/registry-client.ts'
export { Rights } from './serving/rights.ts'
export { directBudgetMs } from './serving/send-direct.ts'
