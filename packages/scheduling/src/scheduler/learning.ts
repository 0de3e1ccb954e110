import type { HostId } from '@df/proto'
import { announcePlans } from './plans.ts'
import { rateClassOf } from './rate-class.ts'
import type { Turn } from './scheduler-state.ts'

/** What is believed of the host changed: its swarms place it by that. */
export function applyRates(turn: Turn, host: HostId): void {
  applyTo(turn, host)
  updateTypical(turn)
}

function applyTo(turn: Turn, host: HostId): void {
  const { rates, hosts } = turn.state
  const { upBps, downBps } = rates.of(host)
  for (const task of hosts.get(host) ?? []) {
    const member = task.members.get(host)
    if (member === undefined) continue
    member.upBps = upBps
    member.downBps = downBps
    if (member.rosterIndex < 0) continue
    task.content?.swarm.update(member)
    announcePlans(turn, task)
  }
}

function updateTypical(turn: Turn): void {
  const { state } = turn
  const { typicalBps } = state.rates
  if (rateClassOf(typicalBps) === rateClassOf(state.typicalBps)) return
  state.typicalBps = typicalBps
  for (const { content } of state.tasks.values()) content?.swarm.setTypical(typicalBps)
  for (const host of state.rates.slowHosts()) applyTo(turn, host)
}
