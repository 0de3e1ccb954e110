import { type NetworkHost, TestNetwork } from '@df/testkit'
import type { Lab } from '../../test/support/lab.ts'
import { goodput } from './goodput.ts'

export interface SwarmNetwork {
  registryHost: NetworkHost
  supernodeHost: NetworkHost
  hosts: readonly NetworkHost[]
  /** Measured, bytes per second. */
  seedUpBps: number
  hostBps: number
}

/** Cables in bits per second, each way. */
export interface Cables {
  hosts: number
  hostBps: number
  serverBps: number
}

/** A registry's host, the SuperNode's host, and hosts that pull, each with a cable of its own. */
export async function createSwarmNetwork(lab: Lab, cables: Cables): Promise<SwarmNetwork> {
  const network = await TestNetwork.create({
    hosts: cables.hosts + 2,
    egressBps: cables.hostBps,
    ingressBps: cables.hostBps,
  })
  lab.defer(() => network.remove())
  const [registryHost, supernodeHost, ...hosts] = network.hosts
  const [first] = hosts
  if (!registryHost || !supernodeHost || !first) throw new Error('a swarm has one host at least')
  for (const server of [registryHost, supernodeHost])
    await server.limit({ egressBps: cables.serverBps, ingressBps: cables.serverBps })
  return {
    registryHost,
    supernodeHost,
    hosts,
    seedUpBps: await goodput(supernodeHost, registryHost),
    hostBps: await goodput(registryHost, first),
  }
}
