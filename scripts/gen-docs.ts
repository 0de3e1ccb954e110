import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { composeDaemon, daemonConfig } from '@df/dfdaemon'
import { configReference, enumerateRoutes, loadConfig, silentLogger } from '@df/kit'
import { composeSupernode, supernodeConfig } from '@df/supernode'
import { commandsPage } from './docs/commands-page.ts'
import { httpApiPage } from './docs/http-api-page.ts'
import { metricsPage } from './docs/metrics-page.ts'

/**
 * Writes docs/reference from what the programs themselves say: `npm run docs`. With `--check` it writes nothing and
 * ends with 1 when a page says something else than the programs.
 */
const root = join(import.meta.dirname, '..')
const reference = join(root, 'docs/reference')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string
}

const stale = [...(await pages())].filter(([name, text]) => read(name) !== text)
if (process.argv.includes('--check')) {
  for (const [name] of stale) {
    console.error(`${relative(root, join(reference, name))} is out of date: npm run docs`)
  }
  if (stale.length > 0) process.exitCode = 1
} else {
  for (const [name, text] of stale) writeFileSync(join(reference, name), text)
  console.log(stale.length === 0 ? 'all is up to date' : stale.map(([name]) => name).join('\n'))
}

async function pages(): Promise<Map<string, string>> {
  const dir = mkdtempSync(join(tmpdir(), 'df-docs-'))
  const where = { argv: ['--data-dir', dir], env: {}, cwd: '/' }
  const tools = { logger: silentLogger(), version }
  const supernode = await composeSupernode(loadConfig(supernodeConfig, where).config, tools)
  const dfdaemon = await composeDaemon(loadConfig(daemonConfig, where).config, tools)
  try {
    await Promise.all([supernode.server.ready(), dfdaemon.server.ready()])
    const openApi = await supernode.server.inject('/api/v1/openapi.json')
    return new Map([
      ['supernode-configuration.md', configReference(supernodeConfig)],
      ['dfdaemon-configuration.md', configReference(daemonConfig)],
      ['commands.md', commandsPage(['dfget', 'dfdaemon', 'supernode'])],
      [
        'metrics.md',
        metricsPage({ SuperNode: supernode.metrics.list(), dfdaemon: dfdaemon.metrics.list() }),
      ],
      [
        'http-api.md',
        httpApiPage({
          SuperNode: enumerateRoutes(supernode.server),
          dfdaemon: enumerateRoutes(dfdaemon.server),
        }),
      ],
      ['supernode-openapi.json', `${JSON.stringify(openApi.json(), null, 1)}\n`],
    ])
  } finally {
    await Promise.all([supernode.server.close(), dfdaemon.server.close()])
    rmSync(dir, { recursive: true, force: true })
  }
}

function read(name: string): string | undefined {
  try {
    return readFileSync(join(reference, name), 'utf8')
  } catch {
    return undefined
  }
}
