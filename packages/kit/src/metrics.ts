import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client'

/** Default buckets of durations, in seconds: from a local answer to a pull that hangs. */
const SECONDS_BUCKETS = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300]

/** Default buckets of ratios of what was to what is possible: from hardly more to many times as much. */
const RATIO_BUCKETS = [1.02, 1.05, 1.1, 1.15, 1.25, 1.5, 2, 3, 5, 10]

/**
 * Makers of a program's metrics, on a registry of their own. Names are given without the program's prefix,
 * which is put in front. Labels must come from closed sets.
 */
export interface Metrics {
  /** `name` ends in `_total`. */
  counter<L extends string = never>(name: string, help: string, labels?: readonly L[]): Counter<L>
  /** Counts of things have plain plural names; anything measured ends in its base unit. `read` is asked at each scrape. */
  gauge<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    read?: () => number,
  ): Gauge<L>
  /** `name` ends in its base unit: `_seconds`, `_bytes` or `_ratio`. */
  histogram<L extends string = never>(
    name: string,
    help: string,
    labels?: readonly L[],
    buckets?: readonly number[],
  ): Histogram<L>
  /** What the HTTP factory counts, one set for all servers of the program. */
  readonly http: HttpMetrics
  /** The metrics made here, by name; those of the process itself are not among them. */
  list(): MetricInfo[]
  /** Text exposition format 0.0.4. */
  text(): Promise<string>
  readonly contentType: string
}

export interface MetricInfo {
  name: string
  type: 'counter' | 'gauge' | 'histogram'
  help: string
  labels: readonly string[]
}

interface HttpMetrics {
  readonly requests: Counter<'server' | 'route' | 'status'>
  readonly seconds: Histogram<'server' | 'route'>
}

/** Also collects the metrics of the process itself (CPU, memory, event loop), under their usual names. */
export function createMetrics(prefix: 'supernode' | 'dfdaemon' | 'dfget'): Metrics {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })

  const made: MetricInfo[] = []
  const note = (type: MetricInfo['type'], name: string, help: string, labels: readonly string[]) =>
    made.push({ name: `${prefix}_${name}`, type, help, labels })

  const counter: Metrics['counter'] = (name, help, labels = []) => {
    checkName(name, /_total$/, 'a counter ends in _total')
    note('counter', name, help, labels)
    return new Counter({ name: `${prefix}_${name}`, help, labelNames: labels, registers })
  }
  const gauge: Metrics['gauge'] = (name, help, labels = [], read) => {
    checkName(
      name,
      /(?<!_(total|ms|millis|milliseconds|minutes|percent|kb|mb|kib|mib|gb|gib))$/,
      'a gauge is named in base units (seconds, bytes, ratio) and does not end in _total',
    )
    note('gauge', name, help, labels)
    const full = `${prefix}_${name}`
    if (read === undefined) return new Gauge({ name: full, help, labelNames: labels, registers })
    return new Gauge({
      name: full,
      help,
      labelNames: labels,
      registers,
      collect() {
        this.set(read())
      },
    })
  }
  const histogram: Metrics['histogram'] = (
    name,
    help,
    labels = [],
    buckets = defaultBuckets(name),
  ) => {
    checkName(name, /_(seconds|bytes|ratio)$/, 'a histogram ends in _seconds, _bytes or _ratio')
    note('histogram', name, help, labels)
    const full = `${prefix}_${name}`
    return new Histogram({ name: full, help, labelNames: labels, buckets: [...buckets], registers })
  }
  return {
    counter,
    gauge,
    histogram,
    http: {
      requests: counter('http_requests_total', 'Requests answered, by server, route and status', [
        'server',
        'route',
        'status',
      ]),
      seconds: histogram('http_request_duration_seconds', 'Time until a request was answered', [
        'server',
        'route',
      ]),
    },
    list: () => made.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
    text: () => registry.metrics(),
    contentType: registry.contentType,
  }
}

function defaultBuckets(name: string): readonly number[] {
  return name.endsWith('_ratio') ? RATIO_BUCKETS : SECONDS_BUCKETS
}

function checkName(name: string, pattern: RegExp, rule: string): void {
  if (!/^[a-z][a-z0-9_]*$/.test(name) || !pattern.test(name)) {
    throw new TypeError(`metric name '${name}': ${rule}`)
  }
}
