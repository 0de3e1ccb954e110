import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { generatedSource } from './blob-source.ts'
import { makeArtifact } from './image.ts'
import { startRegistry } from './registry.ts'
import type { RegistryAuth } from './registry-auth.ts'

/**
 * The test registry as a process of its own, for other network namespaces:
 *
 *     node --conditions=df-source registry-main.ts [--host H] [--port N] [--tls-cert F --tls-key F] [--auth JSON]
 *       [--generate REFERENCE=SEED:BYTES[,SEED:BYTES…]]…
 *
 * `--generate` puts an artifact of made-up blobs there. Prints `ready URL`, then what it holds as one line of JSON:
 * `[{ reference, manifest, blobs: [digest…] }]`. Faults and log: the control face of every test server.
 */
const { values } = parseArgs({
  options: {
    host: { type: 'string', default: '127.0.0.1' },
    port: { type: 'string', default: '0' },
    'tls-cert': { type: 'string' },
    'tls-key': { type: 'string' },
    auth: { type: 'string' },
    generate: { type: 'string', multiple: true, default: [] },
  },
})

const { 'tls-cert': cert, 'tls-key': key, auth } = values
const registry = await startRegistry({
  host: values.host,
  port: Number(values.port),
  ...(cert && key
    ? { tls: { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') } }
    : {}),
  ...(auth ? { auth: JSON.parse(auth) as RegistryAuth } : {}),
})
const held = await Promise.all(values.generate.map(generate))
process.stdout.write(`ready ${registry.url}\n${JSON.stringify(held)}\n`)
process.once('SIGTERM', () => void registry.stop())

async function generate(text: string) {
  const [reference = '', list = ''] = text.split('=')
  const contents = list.split(',').map((part) => {
    const [seed = '', bytes] = part.split(':')
    return generatedSource(seed, Number(bytes))
  })
  const image = await makeArtifact({ artifactType: 'application/vnd.test', contents })
  registry.content.addImage(reference, image)
  return {
    reference,
    manifest: image.digest,
    blobs: image.blobs.slice(1).map(({ digest }) => digest),
  }
}
