import { createHash } from 'node:crypto'
import type { HostId, Labels, PreheatHosts } from '@df/proto'

/** A host that takes orders. */
export interface Candidate {
  host: HostId
  labels: Labels
}

/**
 * The hosts that get a preheat. A share of them is drawn by rendezvous hashing with `key`: the same request chooses the
 * same hosts as long as they are there, and one more host changes as little as can be. Hosts that are named are chosen
 * also while they are away.
 */
export function chooseHosts(
  wanted: PreheatHosts,
  candidates: readonly Candidate[],
  key: string,
): HostId[] {
  const { names, share = 1 } = wanted
  const fitting = candidates.filter((candidate) => fits(wanted, candidate)).map(({ host }) => host)
  if (names !== undefined && wanted.labels === undefined && share === 1) return [...new Set(names)]
  return ranked(fitting, key).slice(0, Math.ceil(share * fitting.length - 1e-9))
}

/** A host to take the place of one that went for good; undefined when all that fit are chosen already. */
export function substitute(
  wanted: PreheatHosts,
  candidates: readonly Candidate[],
  { key, chosen }: { key: string; chosen: readonly HostId[] },
): HostId | undefined {
  const taken = new Set(chosen)
  const free = candidates.filter((one) => fits(wanted, one) && !taken.has(one.host))
  return ranked(
    free.map(({ host }) => host),
    key,
  )[0]
}

function fits({ labels = {}, names }: PreheatHosts, candidate: Candidate): boolean {
  if (names !== undefined && !names.includes(candidate.host)) return false
  return Object.entries(labels).every(([name, value]) => candidate.labels[name] === value)
}

function ranked(hosts: readonly HostId[], key: string): HostId[] {
  const score = (host: HostId) => createHash('sha256').update(`${key}\n${host}`).digest('hex')
  return hosts
    .map((host) => ({ host, score: score(host) }))
    .sort((a, b) => (a.score < b.score ? 1 : -1))
    .map(({ host }) => host)
}
