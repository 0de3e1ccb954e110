export { AnonymousTokens, type AnonymousTokensOptions } from './anonymous-token.ts'
export { type Challenge, parseChallenges } from './challenge.ts'
export { type ManifestDigests, manifestDigests } from './manifest.ts'
export { mediaTypes } from './media-types.ts'
export { redactUrl } from './redact.ts'
export {
  RedirectOrigins,
  type RedirectOriginsOptions,
  type RedirectTarget,
  redirectedUrl,
} from './redirect-origins.ts'
export {
  familiarReference,
  formatReference,
  type ImageReference,
  parseReference,
} from './reference.ts'
export { parseRegistryPath, type RegistryPath } from './registry-path.ts'
