import http from 'node:http'

/**
 * Fetches the URLs of its command line one after the other, on the host that it runs on, and prints for each, as JSON, the
 * milliseconds until the first byte of the body and until the last.
 */
const results: { firstByteMs: number; wholeMs: number; bytes: number }[] = []
for (const url of process.argv.slice(2)) results.push(await fetchOnce(url))
process.stdout.write(JSON.stringify(results))

function fetchOnce(url: string): Promise<(typeof results)[number]> {
  return new Promise((resolve, reject) => {
    const startedAt = performance.now()
    http
      .get(url, { agent: false }, (response) => {
        if (response.statusCode !== 200) reject(new Error(`${url}: ${response.statusCode}`))
        let firstByteMs = 0
        let bytes = 0
        response.on('data', (chunk: Buffer) => {
          if (bytes === 0) firstByteMs = performance.now() - startedAt
          bytes += chunk.length
        })
        response.on('end', () =>
          resolve({ firstByteMs, wholeMs: performance.now() - startedAt, bytes }),
        )
        response.on('error', reject)
      })
      .on('error', reject)
  })
}
