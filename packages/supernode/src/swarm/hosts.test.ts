import type { HostId } from '@df/proto'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { newHostId } from '../test-support/host.ts'
import type { HostLink } from './host-link.ts'
import { Hosts } from './hosts.ts'

const linkOf = (host: HostId) => ({ host }) as HostLink
let seen: string[]
let hosts: Hosts
const host = newHostId()

beforeEach(() => {
  vi.useFakeTimers()
  seen = []
  hosts = new Hosts({
    graceMs: 2000,
    up: () => seen.push('up'),
    back: () => seen.push('back'),
    down: () => seen.push('down'),
  })
})
afterEach(() => {
  vi.useRealTimers()
})

describe('a host', () => {
  it('is down only when its session stays away for the grace time', () => {
    const link = linkOf(host)
    hosts.connect(link)
    hosts.disconnect(link)
    expect(hosts.connected()).toEqual([])
    expect(hosts.link(host)).toBe(link)
    vi.advanceTimersByTime(1999)
    expect(seen).toEqual(['up'])
    vi.advanceTimersByTime(1)
    expect(seen).toEqual(['up', 'down'])
    expect(hosts.link(host)).toBeUndefined()
  })

  it('that comes back in time never was away', () => {
    const [older, newer] = [linkOf(host), linkOf(host)]
    hosts.connect(older)
    hosts.disconnect(older)
    hosts.connect(newer)
    vi.advanceTimersByTime(5000)
    expect(seen).toEqual(['up', 'back'])
    expect(hosts.connected()).toEqual([newer])
  })

  it('is not lost with a session that was replaced before', () => {
    const [older, newer] = [linkOf(host), linkOf(host)]
    hosts.connect(older)
    hosts.connect(newer)
    hosts.disconnect(older)
    vi.advanceTimersByTime(5000)
    expect(seen).toEqual(['up', 'back'])
  })
})
