import http from 'node:http'

/** One request a client sent through the meter. */
export interface MeteredRequest {
  method: string
  url: string
  /** 0 while no answer has come. */
  status: number
  bytes: number
  /** Longest time without an answer or a byte while the request was open. */
  silenceMs: number
  tookMs: number
  cutShort: boolean
}

/** A plain HTTP relay that measures for how long the client hears nothing. */
export interface SilenceMeter {
  readonly url: string
  /** All requests whose URL holds the text, oldest first. */
  requests(urlPart: string): MeteredRequest[]
  close(): Promise<void>
}

/** Relays everything to `target`, cuts included. */
export async function startSilenceMeter(target: string): Promise<SilenceMeter> {
  const seen: MeteredRequest[] = []
  const agent = new http.Agent({ keepAlive: false })
  const server = http.createServer((request, response) => {
    const startedAt = Date.now()
    const entry: MeteredRequest = {
      method: request.method ?? '',
      url: request.url ?? '',
      status: 0,
      bytes: 0,
      silenceMs: 0,
      tookMs: 0,
      cutShort: false,
    }
    seen.push(entry)
    let heardAt = startedAt
    const heard = () => {
      const now = Date.now()
      entry.silenceMs = Math.max(entry.silenceMs, now - heardAt)
      entry.tookMs = now - startedAt
      heardAt = now
    }
    const cut = () => {
      heard()
      entry.cutShort = true
      request.socket.destroy()
    }

    const { method, headers } = request
    const relayed = http.request(new URL(entry.url, target), {
      agent,
      headers,
      ...(method && { method }),
    })
    relayed.on('error', cut)
    response.on('close', () => {
      if (response.writableFinished) return
      heard()
      relayed.destroy()
    })
    relayed.on('response', (answer) => {
      heard()
      entry.status = answer.statusCode ?? 0
      response.writeHead(entry.status, answer.rawHeaders)
      response.flushHeaders()
      answer.on('data', (chunk: Buffer) => {
        heard()
        entry.bytes += chunk.length
      })
      answer.on('end', heard)
      answer.on('error', cut)
      answer.pipe(response)
    })
    relayed.end()
  })
  server.keepAliveTimeout = 60_000

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  return {
    url: `http://127.0.0.1:${port}`,
    requests: (urlPart) => seen.filter(({ url }) => url.includes(urlPart)),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}
