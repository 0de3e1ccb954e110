export { composeDaemon } from './compose.ts'
export { type DaemonConfig, daemonConfig } from './config.ts'
