import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'

export interface ClientAnswer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  /** The answer ended as HTTP says it must; false when the connection broke. */
  complete: boolean
  durationMs: number
}

export interface ClientRequest {
  method?: string
  headers?: Record<string, string | string[]>
  body?: string | Buffer
  /** Leaves after so many bytes. */
  leaveAfter?: number
}

/**
 * A plain HTTP client that sends the path as it is, tells a broken answer from a whole one, and decodes nothing.
 */
export function ask(
  base: string,
  path: string,
  options: ClientRequest = {},
): Promise<ClientAnswer> {
  const startMs = performance.now()
  const { method = 'GET', body, leaveAfter = Infinity } = options
  const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const headers = { ...length, ...options.headers }
  const { hostname: host, port } = new URL(base)
  return new Promise((resolve, reject) => {
    const to = { host, port, path, method, headers, agent: false }
    const request = httpRequest(to, (response) => {
      const parts: Buffer[] = []
      let bytes = 0
      response.on('data', (part: Buffer) => {
        parts.push(part)
        bytes += part.length
        if (bytes >= leaveAfter) request.destroy()
      })
      response.on('error', () => {}) // told by `complete`
      response.on('close', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(parts),
          complete: response.complete,
          durationMs: performance.now() - startMs,
        }),
      )
    })
    request.on('error', reject)
    request.end(body)
  })
}
