import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it, onTestFinished } from 'vitest'
import { type SilenceMeter, startSilenceMeter } from './support/silence-meter.ts'

it('measures the silence before the head, within the body and before a cut', async () => {
  const meter = await meterOver(async (request, response) => {
    if (request.url === '/late') await sleep(120)
    response.writeHead(200, { 'content-length': '4' })
    response.write('ab')
    await sleep(request.url === '/late' ? 0 : 120)
    if (request.url === '/cut') request.socket.destroy()
    else response.end('cd')
  })
  expect(await (await fetch(`${meter.url}/late`)).text()).toBe('abcd')
  expect(await (await fetch(`${meter.url}/gap`)).text()).toBe('abcd')
  await expect(fetch(`${meter.url}/cut`).then((answer) => answer.text())).rejects.toThrow(
    /terminated|aborted/,
  )

  expect(meter.requests('/')).toEqual([
    entry({ url: '/late', bytes: 4 }),
    entry({ url: '/gap', bytes: 4 }),
    entry({ url: '/cut', bytes: 2, cutShort: true }),
  ])
})

it('does not count the time between requests', async () => {
  const meter = await meterOver((_request, response) => response.end('x'))
  await (await fetch(`${meter.url}/a`)).text()
  await sleep(150)
  await (await fetch(`${meter.url}/b`)).text()
  for (const { silenceMs } of meter.requests('/')) expect(silenceMs).toBeLessThan(100)
})

it('ends the relayed request when the client goes away', async () => {
  const gone = Promise.withResolvers<void>()
  const meter = await meterOver((request) => {
    request.socket.on('close', () => gone.resolve())
  })
  const controller = new AbortController()
  const answer = fetch(meter.url, { signal: controller.signal })
  await sleep(50)
  controller.abort()
  await expect(answer).rejects.toThrow(/terminated|aborted/)
  await gone.promise
})

function entry(parts: object) {
  const silenceMs: unknown = expect.toSatisfy((ms: number) => ms >= 100 && ms < 1000)
  const tookMs: unknown = expect.any(Number)
  return { method: 'GET', status: 200, cutShort: false, silenceMs, tookMs, ...parts }
}

type Listener = (request: http.IncomingMessage, response: http.ServerResponse) => unknown

async function meterOver(listener: Listener): Promise<SilenceMeter> {
  const server = http.createServer((request, response) => void listener(request, response))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const meter = await startSilenceMeter(`http://127.0.0.1:${port}`)
  onTestFinished(async () => {
    await meter.close()
    server.closeAllConnections()
    server.close()
  })
  return meter
}
