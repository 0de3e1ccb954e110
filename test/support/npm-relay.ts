import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo, Server as NetServer } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type Enclosure, runOk } from '@df/testkit'

export interface NpmRelay {
  port: number
  stop(): Promise<void>
}

/**
 * This machine's npm registry for programs in a network namespace that leads nowhere: listens there, on all addresses,
 * without TLS, and asks the registry from here.
 */
export async function startNpmRelay(within: Enclosure): Promise<NpmRelay> {
  const registry = (await runOk(['npm', 'config', 'get', 'registry'])).replace(/\/$/, '')
  const server = createServer((request, response) => void relay(registry, request, response))
  await listenWithin(within, server)
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function relay(
  registry: string,
  { url, headers }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  try {
    const answer = await fetch(`${registry}${url}`, {
      headers: { accept: headers.accept ?? '*/*' },
    })
    const contentType = answer.headers.get('content-type') ?? 'application/octet-stream'
    response.writeHead(answer.status, { 'content-type': contentType })
    await pipeline(answer.body ? Readable.fromWeb(answer.body) : Readable.from([]), response)
  } catch {
    response.destroy()
  }
}

/** A socket stays in the namespace it was made in, whichever process holds it: a helper makes it and hands it over. */
async function listenWithin(within: Enclosure, server: Server): Promise<void> {
  const helper = `require('node:net').createServer().listen(0, '0.0.0.0', function () {
    process.send('listening', this, () => process.exit())
  })`
  const [program, ...args] = [...within.command, process.execPath, '--eval', helper]
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const [, handle] = (await once(child, 'message')) as [unknown, NetServer]
  server.listen(handle)
  await once(server, 'listening')
}
