import { setTimeout as sleep } from 'node:timers/promises'
import { Daemon, type NetworkHost } from '@df/testkit'

/** What one TCP connection between two hosts carries, bytes per second, as iperf3 measures it in three seconds. */
export async function goodput(from: NetworkHost, to: NetworkHost): Promise<number> {
  const server = new Daemon({ command: ['iperf3', '--server', '--one-off'], within: to.within })
  try {
    await sleep(300)
    const { stdout } = await from.run(['iperf3', '--client', to.address, '--time', '3', '--json'])
    const report = JSON.parse(stdout) as { end: { sum_received: { bits_per_second: number } } }
    return report.end.sum_received.bits_per_second / 8
  } finally {
    await server.stop()
  }
}
