export {
  type BlobSource,
  bytesSource,
  digestOf,
  fileSource,
  generatedSource,
  readAll,
} from './blob-source.ts'
export type { Exit } from './child-exit.ts'
export { type Enclosure, nest, type RunOptions, type RunResult, run, runOk } from './command.ts'
export { type Containerd, type ContainerdOptions, startContainerd } from './containerd.ts'
export { CriClient, type CriExecResult, type CriImage, type CriPullOptions } from './cri.ts'
export { Daemon, type DaemonOptions } from './daemon.ts'
export {
  type DockerRegistry,
  type DockerRegistryOptions,
  startDockerRegistry,
} from './docker-registry.ts'
export { type Dockerd, type DockerdOptions, startDockerd } from './dockerd.ts'
export { type EtcOverlayOptions, etcOverlay } from './etc-overlay.ts'
export type { FaultServer, FaultServerOptions } from './fault-server.ts'
export { type FaultRule, FaultRules } from './faults.ts'
export { type FaultyProxyOptions, startFaultyProxy } from './faulty-proxy.ts'
export { type FileOrigin, type FileOriginOptions, startFileOrigin } from './file-origin.ts'
export {
  allGuideBlocks,
  type GuideCommand,
  guideBlocks,
  guideBlockWith,
  guideCommands,
  guideFault,
} from './guide-commands.ts'
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
export { findLeaks } from './leaks.ts'
export {
  type LinkBytes,
  type LinkLimits,
  NetworkHost,
  type NetworkOptions,
  TestNetwork,
} from './netns.ts'
export { type NginxOptions, startNginx } from './nginx.ts'
export { type Containers, type ContainersOptions, setUpContainers } from './podman.ts'
export { freePort } from './ports.ts'
export {
  type ProgramName,
  type ProgramOptions,
  programCommand,
  type RunningProgram,
  startProgram,
} from './program.ts'
export { type PushOptions, pushImage } from './push-image.ts'
export { type RegistryOptions, startRegistry, type TestRegistry } from './registry.ts'
export type { RegistryAuth } from './registry-auth.ts'
export type { RequestEntry, RequestLog } from './request-log.ts'
export { type ImageMaker, sampleImages } from './sample-images.ts'
export { type SignOptions, signUrl } from './signed-url.ts'
export {
  type SystemdMachine,
  type SystemdMachineOptions,
  startSystemdMachine,
} from './systemd-machine.ts'
export { type IssuedCertificate, makeCa, type TestCa } from './tls.ts'
export { type TempDirectory, tempDirectory } from './tmp.ts'
