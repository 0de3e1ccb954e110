import type { FaultRule } from '@df/testkit'

/** A fault of the registry behind the mirror, for the pull of one image. */
export interface RegistryFault {
  name: string
  /** Rules of the proxy in front of the registry, for the repository and layer of that pull. */
  rules(image: { repository: string; layer: string }): FaultRule[]
  /**
   * Clients that may fail, as they do with that registry alone; all others must succeed: from the registry in spite of
   * the fault, or by falling back to the registry that the mirror stands for.
   */
  mayFail: readonly ClientName[]
}

export type ClientName = 'docker' | 'containerd' | 'podman' | 'skopeo'

/** Neither falls back for a single blob: what the mirror cannot have, they cannot. */
const wholePullClients = ['podman', 'skopeo'] as const

/** Nor does containerd, once it holds a wrong byte. */
const keepersOfWrongBytes = [...wholePullClients, 'containerd'] as const

const truncateAt = 300_000

/** The faults that real clients were watched under, each against manifests or the layer of one image. */
export const registryFaults: readonly RegistryFault[] = [
  { name: 'none', rules: () => [], mayFail: [] },
  { name: 'ping 503', rules: () => [{ match: ' /v2/(\\?.*)?$', status: 503 }], mayFail: [] },
  manifest('manifest 404', { status: 404 }),
  {
    name: 'manifest HEAD 405',
    rules: ({ repository }) => [{ match: `HEAD .*/${repository}/manifests/`, status: 405 }],
    mayFail: [],
  },
  manifest('manifest 500', { status: 500 }),
  manifest('manifest 500 once', { status: 500, times: 1 }),
  manifest('manifest hangs', { hang: true }),
  {
    name: 'manifest corrupt',
    rules: ({ repository }) => [{ match: `GET .*/${repository}/manifests/`, corruptAt: 200 }],
    mayFail: wholePullClients,
  },
  blob('blob 404', { status: 404 }, wholePullClients),
  blob('blob 500', { status: 500 }, wholePullClients),
  blob('blob 500 once', { status: 500, times: 1 }),
  blob('blob 503 once, Retry-After', { status: 503, headers: { 'retry-after': '2' }, times: 1 }),
  blob('blob 429 once, Retry-After', { status: 429, headers: { 'retry-after': '2' }, times: 1 }),
  blob('blob hangs', { hang: true }, wholePullClients),
  blob('blob late by 5 s', { delayMs: 5000 }),
  blob('blob slow, 200 kB/s', { bps: 200_000 }),
  blob('blob cut short once', { truncateAt, times: 1 }),
  blob('blob cut short always', { truncateAt }, wholePullClients),
  blob('blob stalls', { stallAt: truncateAt }, wholePullClients),
  blob('blob reset once', { reset: true, times: 1 }),
  blob('blob corrupt once', { corruptAt: truncateAt, times: 1 }, keepersOfWrongBytes),
  blob('blob corrupt always', { corruptAt: truncateAt }, keepersOfWrongBytes),
]

function manifest(name: string, fault: Omit<FaultRule, 'match'>): RegistryFault {
  const rules: RegistryFault['rules'] = ({ repository }) => [
    { match: `/${repository}/manifests/`, ...fault },
  ]
  return { name, rules, mayFail: [] }
}

function blob(
  name: string,
  fault: Omit<FaultRule, 'match'>,
  mayFail: readonly ClientName[] = [],
): RegistryFault {
  return { name, rules: ({ layer }) => [{ match: layer, ...fault }], mayFail }
}
