import type { Metrics } from '@df/kit'

/** What became of a request: passed on in one of the ways, or not. */
export type Passage = 'blob' | 'file' | 'direct' | 'upgrade' | 'tunnel' | 'refused'

/** `failed`: the origin could not be asked, and the caller was told so. */
export type PassageEnd = 'complete' | 'left' | 'cut' | 'failed'

export interface ProxyMetrics {
  count(passage: Passage, end: PassageEnd, bytes: number): void
  /** The swarm could not answer: the origin was asked. */
  countFallback(): void
  countRefusedCertificate(): void
}

export function createProxyMetrics(
  metrics: Metrics,
  open: { tunnels(): number; opened(): number },
): ProxyMetrics {
  const requests = metrics.counter(
    'proxy_requests_total',
    'Requests through the proxy, by how they were passed on and how they ended',
    ['passage', 'end'],
  )
  const bytes = metrics.counter(
    'proxy_bytes_total',
    'Bytes that callers of the proxy got; through tunnels those that they sent too',
    ['passage'],
  )
  const fallbacks = metrics.counter(
    'proxy_fallbacks_total',
    'Requests for the swarm that the origin had to answer',
  )
  const certificates = metrics.counter(
    'proxy_refused_certificates_total',
    'Clients that would not have our certificate and get plain tunnels for a while',
  )
  metrics.gauge('proxy_tunnels', 'Plain tunnels that are open', [], () => open.tunnels())
  metrics.gauge('proxy_opened_connections', 'Connections whose TLS ends here', [], () =>
    open.opened(),
  )
  return {
    count(passage, end, sent) {
      requests.inc({ passage, end })
      bytes.inc({ passage }, sent)
    },
    countFallback: () => fallbacks.inc(),
    countRefusedCertificate: () => certificates.inc(),
  }
}
