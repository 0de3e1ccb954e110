import type { HostId } from '@df/proto'
import type { HostLink } from './host-link.ts'

export interface HostsOptions {
  /** How long a host may be without a session before it counts as down. */
  graceMs: number
  up(link: HostLink): void
  /** The host's session was replaced by a new one. */
  back(link: HostLink): void
  down(host: HostId): void
}

interface HostEntry {
  link: HostLink
  /** Runs while the host has no session. */
  grace: NodeJS.Timeout | undefined
}

/** The hosts that have a session, or had one a moment ago. */
export class Hosts {
  readonly #options: HostsOptions
  readonly #hosts = new Map<HostId, HostEntry>()

  constructor(options: HostsOptions) {
    this.#options = options
  }

  connect(link: HostLink): void {
    const entry = this.#hosts.get(link.host)
    if (entry === undefined) {
      this.#hosts.set(link.host, { link, grace: undefined })
      this.#options.up(link)
      return
    }
    clearTimeout(entry.grace)
    entry.grace = undefined
    entry.link = link
    this.#options.back(link)
  }

  /** The session is gone; nothing happens when a newer one of the same host is there already. */
  disconnect(link: HostLink): void {
    const entry = this.#hosts.get(link.host)
    if (entry === undefined || entry.link !== link) return
    entry.grace = setTimeout(() => {
      this.#hosts.delete(link.host)
      this.#options.down(link.host)
    }, this.#options.graceMs)
  }

  /** The host's newest session, which may be lost since a moment. */
  link(host: HostId): HostLink | undefined {
    return this.#hosts.get(host)?.link
  }

  /** Hosts with a session now. */
  connected(): HostLink[] {
    return [...this.#hosts.values()]
      .filter(({ grace }) => grace === undefined)
      .map(({ link }) => link)
  }

  stop(): void {
    for (const { grace } of this.#hosts.values()) clearTimeout(grace)
    this.#hosts.clear()
  }
}
