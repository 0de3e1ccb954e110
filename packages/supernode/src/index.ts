export { composeSupernode, type Supernode } from './compose.ts'
export { type SupernodeConfig, supernodeConfig } from './config.ts'
