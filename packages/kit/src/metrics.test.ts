import { expect, test } from 'vitest'
import { createMetrics } from './metrics.ts'

test('metrics carry the prefix, the labels and the help, beside those of the process', async () => {
  const metrics = createMetrics('dfdaemon')
  metrics
    .counter('origin_bytes_total', 'Bytes read from origins', ['kind'])
    .inc({ kind: 'blob' }, 7)
  metrics.gauge('sessions', 'Open sessions', [], () => 3)
  metrics.gauge('disk_used_bytes', 'Bytes on disk').set(5)
  metrics.histogram('first_byte_seconds', 'Time to first byte', [], [0.1, 1]).observe(0.5)
  const text = await metrics.text()
  expect(text).toContain('# HELP dfdaemon_origin_bytes_total Bytes read from origins')
  expect(text).toContain('dfdaemon_origin_bytes_total{kind="blob"} 7')
  expect(text).toContain('dfdaemon_sessions 3')
  expect(text).toContain('dfdaemon_disk_used_bytes 5')
  expect(text).toContain('dfdaemon_first_byte_seconds_bucket{le="1"} 1')
  expect(text).toContain('process_cpu_seconds_total')
})

test('two programs in one process do not share metrics', async () => {
  createMetrics('dfget').counter('x_total', 'x').inc()
  expect(await createMetrics('dfget').text()).not.toContain('dfget_x_total')
})

test('names that do not follow the rule are refused', () => {
  const metrics = createMetrics('supernode')
  expect(() => metrics.counter('requests', 'x')).toThrow('ends in _total')
  expect(() => metrics.counter('Bad-name_total', 'x')).toThrow(TypeError)
  expect(() => metrics.gauge('wait_ms', 'x')).toThrow('base units')
  expect(() => metrics.gauge('things_total', 'x')).toThrow('base units')
  expect(() => metrics.histogram('latency', 'x')).toThrow('_seconds, _bytes or _ratio')
})

test('it lists what was made, with labels, for the reference', () => {
  const metrics = createMetrics('dfdaemon')
  metrics.counter('things_total', 'Things', ['kind'])
  expect(metrics.list()).toContainEqual({
    name: 'dfdaemon_things_total',
    type: 'counter',
    help: 'Things',
    labels: ['kind'],
  })
})
