import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { type Enclosure, run } from '@df/testkit'

export interface Download {
  /** Of curl: 0 when the whole answer came. */
  exitCode: number | null
  status: number
  bytes: number
  /** Of the head of the answer. */
  firstByteSeconds: number
  seconds: number
}

export interface DownloadOptions {
  within?: Enclosure
  headers?: readonly string[]
  timeoutMs?: number
}

/** Fetches a URL into a file with curl, as a program on another host would. */
export async function download(
  url: string,
  path: string,
  { within, headers = [], timeoutMs = 120_000 }: DownloadOptions = {},
): Promise<Download> {
  const { code, stdout } = await run(
    [
      ...['curl', '--silent', '--output', path, '--write-out', '%{json}'],
      ...headers.flatMap((header) => ['--header', header]),
      url,
    ],
    { timeoutMs, ...(within && { within }) },
  )
  const told = JSON.parse(stdout || '{}') as Partial<CurlReport>
  return {
    exitCode: code,
    status: told.http_code ?? 0,
    bytes: told.size_download ?? 0,
    firstByteSeconds: told.time_starttransfer ?? 0,
    seconds: told.time_total ?? timeoutMs / 1000,
  }
}

interface CurlReport {
  http_code: number
  size_download: number
  time_starttransfer: number
  time_total: number
}

/** `sha256:…` of a file; `nothing` when there is none. */
export async function digestOfFile(path: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream(path), hash)
  } catch {
    return 'nothing'
  }
  return `sha256:${hash.digest('hex')}`
}

let files = 0

/** A download of which only the digest is kept. */
export async function curl(
  url: string,
  { directory, ...options }: DownloadOptions & { directory: string },
): Promise<Download & { digest: string }> {
  const path = join(directory, `fetched-${files++}`)
  const downloaded = await download(url, path, options)
  const digest = await digestOfFile(path)
  await rm(path, { force: true })
  return { ...downloaded, digest }
}
