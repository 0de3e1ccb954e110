import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { runDemo } from './up/demo.ts'
import { runMirror } from './up/mirror.ts'

const usage = `Starts a SuperNode and a dfdaemon on this machine and prints how to point container engines at them.

  npm start                        mirror of docker.io
  npm start -- --upstream URL      mirror of another registry
  npm start -- --data-dir DIR      keep data there (default: .data in this clone)
  npm start -- --demo              a registry, a SuperNode and three hosts, one image pulled, a table; ends by itself
`

const { values } = parseArgs({
  options: {
    upstream: { type: 'string', default: 'https://registry-1.docker.io' },
    'data-dir': { type: 'string', default: join(import.meta.dirname, '../.data') },
    demo: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})

try {
  if (values.help) process.stdout.write(usage)
  else if (values.demo) await runDemo()
  else await runMirror({ upstreamUrl: values.upstream, dataDir: values['data-dir'] })
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
}
