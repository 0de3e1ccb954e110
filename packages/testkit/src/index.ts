export {
  type BlobSource,
  bytesSource,
  digestOf,
  fileSource,
  generatedSource,
  readAll,
} from './blob-source.ts'
export type { FaultServer, FaultServerOptions } from './fault-server.ts'
export { type FaultRule, FaultRules } from './faults.ts'
export { type FaultyProxyOptions, startFaultyProxy } from './faulty-proxy.ts'
export {
  type ArtifactOptions,
  type Image,
  type ImageOptions,
  type IndexEntry,
  makeArtifact,
  makeAttestedIndex,
  makeImage,
  makeIndex,
} from './image.ts'
export { type Compression, type Layer, type LayerContent, makeLayer } from './layer.ts'
export { type PushOptions, pushImage } from './push-image.ts'
export { type RegistryOptions, startRegistry, type TestRegistry } from './registry.ts'
export type { RegistryAuth } from './registry-auth.ts'
export type { RequestEntry, RequestLog } from './request-log.ts'
