#!/usr/bin/env -S node --max-semi-space-size=2
import { existsSync } from 'node:fs'

// Plain JavaScript on purpose: it must load on any Node to say which one is needed.
const [major, minor] = process.versions.node.split('.').map(Number)
if (major < 24 || (major === 24 && minor < 15) || major === 25) {
  process.stderr.write(
    `dfdaemon needs Node.js 24.15 or later (24.x or >= 26); this is ${process.versions.node}. In a clone, put node_modules/.bin first in PATH.\n`,
  )
  process.exit(78)
}
// A clone has what tsc made of it, an installation the bundle.
const compiled = new URL('../dist/main.js', import.meta.url)
await import(existsSync(compiled) ? compiled : '../bundle/main.js')
