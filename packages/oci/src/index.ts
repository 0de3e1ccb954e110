export { AnonymousTokens, type AnonymousTokensOptions } from './anonymous-token.ts'
export { type Challenge, parseChallenges } from './challenge.ts'
export { type ManifestDigests, manifestDigests } from './manifest.ts'
export { acceptManifests, mediaTypes } from './media-types.ts'
export { isRepositoryName, isTag } from './names.ts'
export { redactHeaders, redactUrl } from './redact.ts'
export {
  familiarReference,
  formatReference,
  type ImageReference,
  parseReference,
} from './reference.ts'
export { parseRegistryPath, type RegistryPath } from './registry-path.ts'
