export type { AccessRules } from './access.ts'
export { type AddressGuard, createAddressGuard, isLoopbackAddress } from './address-guard.ts'
export { type BackoffOptions, backoffMs, sleep } from './backoff.ts'
export { BufferPool } from './buffer-pool.ts'
export { CLOSE_GRACE_MS, closeServer } from './close-server.ts'
export { commandFirst } from './command/command-first.ts'
export type { CommandIo, CommandOutput } from './command/command-io.ts'
export {
  type CompletedCommand,
  type CompletedFlag,
  type CompletedValue,
  completionScript,
} from './command/completion.ts'
export {
  type Command,
  type CommandInput,
  type CommandOptions,
  defineCommand,
  type Operands,
} from './command/define-command.ts'
export {
  type CommonConfig,
  type ConfigDefinition,
  type ConfigOptions,
  defineConfig,
  type Environment,
} from './config/define.ts'
export { type Fault, faultsOf } from './config/fault.ts'
export { type LoadedConfig, type LoadOptions, loadConfig } from './config/load.ts'
export { nearest } from './config/nearest.ts'
export { printConfig } from './config/print.ts'
export { configReference, helpText } from './config/reference.ts'
export type { SettingKeywords, Unit } from './config/setting.ts'
export { defaultDataDir } from './data-dir.ts'
export {
  answerError,
  createHttpServer,
  type Diversion,
  enumerateRoutes,
  type HttpServerOptions,
  type RegisteredRoute,
} from './http-server.ts'
export { type Cidr, type IpAddress, inCidr, parseCidr, parseIp } from './ip-address.ts'
export { type Startable, startAll, stopAll, together } from './lifecycle.ts'
export { TokenBucket, type TokenBucketOptions } from './limits.ts'
export {
  type BoundAddress,
  formatAddress,
  type ListenAddress,
  listen,
  parseListen,
} from './listen.ts'
export { createLogger, type Logger, type LoggerOptions, silentLogger } from './log.ts'
export { makeFolder } from './make-folder.ts'
export { createMetrics, type MetricInfo, type Metrics } from './metrics.ts'
export {
  createOriginDispatcher,
  type OriginDispatcherOptions,
  trustedContext,
} from './origin-dispatcher.ts'
export { originErrorOf } from './origin-error.ts'
export { readCertificates, readPem } from './pem-file.ts'
export { PROBLEM_TYPE, problemOf } from './problem.ts'
export { type Composition, type ProgramOptions, runProgram } from './program.ts'
export { answerRaw } from './raw-route.ts'
export { redactText } from './redact.ts'
export {
  formatDuration,
  formatRate,
  formatSize,
  parseDuration,
  parseRate,
  parseSize,
} from './units.ts'
export { untilAborted } from './until-aborted.ts'
