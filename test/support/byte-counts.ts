/** Bytes of content that a dfdaemon got, by where they came from, of the text of its /metrics. */
export function receivedBytes(metrics: string): Map<string, number> {
  const values = metrics.matchAll(/^dfdaemon_received_bytes_total\{source="(\w+)"\} (\S+)$/gm)
  return sums([...values].map(([, source = '', bytes]) => [source, Number(bytes)]))
}

/** Digest → bytes of it that Debian's docker-registry sent, of the lines of its log. */
export function sentBlobs(log: string): Map<string, number> {
  const answers = log.matchAll(/"GET \S+\/blobs\/(sha256:\w+) HTTP\/[\d.]+" 20[06] (\d+)/g)
  return sums([...answers].map(([, digest = '', bytes]) => [digest, Number(bytes)]))
}

function sums(parts: readonly [string, number][]): Map<string, number> {
  const all = new Map<string, number>()
  for (const [key, value] of parts) all.set(key, (all.get(key) ?? 0) + value)
  return all
}
