import { isIP } from 'node:net'
import {
  type CommonConfig,
  type ConfigDefinition,
  createAddressGuard,
  defaultDataDir,
  defineConfig,
  type Fault,
  faultsOf,
} from '@df/kit'
import { RedirectOrigins, redirectSettings } from '@df/oci'
import { LabelsSchema } from '@df/proto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { Upstreams } from './mirror/upstreams.ts'
import { HostPatterns } from './proxy/host-pattern.ts'
import { NoProxy } from './proxy/no-proxy.ts'
import { ProxyRules } from './proxy/rules.ts'

const labels = Compile(LabelsSchema)

const schema = Type.Object({
  supernode: Type.Array(Type.String(), {
    description: 'SuperNodes; every content belongs to one of them',
    default: ['http://127.0.0.1:8002'],
    minItems: 1,
    unit: 'url',
  }),
  supernodeCa: Type.Optional(
    Type.String({ description: 'authority of the SuperNodes, a PEM file', unit: 'path' }),
  ),
  upstream: Type.String({
    description: 'registry of requests that name none (docker, podman)',
    default: 'https://registry-1.docker.io',
    unit: 'url',
  }),
  registry: Type.Record(Type.String(), Type.String(), {
    description: 'where the registry that containerd calls HOST is; others are at https://HOST',
    unit: 'url',
    placeholder: 'HOST=URL',
  }),
  listen: Type.String({
    description: 'address of the mirror, for container engines and commands of this host',
    default: '127.0.0.1:65001',
    unit: 'address',
  }),
  peerListen: Type.String({
    description: 'address that other hosts fetch pieces from',
    default: '0.0.0.0:65002',
    unit: 'address',
  }),
  advertise: Type.Optional(
    Type.String({
      description: 'IP address of this host as other hosts reach it',
      defaultText: 'the one that the SuperNode is reached from',
      placeholder: 'IP',
    }),
  ),
  dataDir: Type.String({
    description: 'folder for contents and state',
    defaultText: '/var/lib/dragonfly/dfdaemon for root, else ~/.local/share/dragonfly/dfdaemon',
    unit: 'path',
  }),
  cache: Type.Object({
    quota: Type.Optional(
      Type.Integer({
        description: 'most bytes of contents kept; what was not used for longest goes first',
        defaultText: 'half of the file system of the data directory',
        minimum: 1,
        unit: 'bytes',
      }),
    ),
    highWater: Type.Number({
      description: 'share of the quota above which contents are removed',
      default: '95%',
      minimum: 1,
      maximum: 100,
      unit: 'percent',
    }),
    lowWater: Type.Number({
      description: 'share of the quota at which removing ends',
      default: '85%',
      minimum: 1,
      maximum: 100,
      unit: 'percent',
    }),
  }),
  label: Type.Record(Type.String(), Type.String(), {
    description: 'label of this host, by which preheats choose hosts, as in Kubernetes: zone=a',
    placeholder: 'KEY=VALUE',
  }),
  preheat: Type.Object({
    parallel: Type.Integer({
      description: 'contents fetched at once because a SuperNode ordered it',
      default: 4,
      minimum: 1,
      maximum: 64,
    }),
  }),
  allowOrigin: Type.Array(Type.String(), {
    description: 'redirect targets and other origins on internal addresses that may be read',
    placeholder: 'HOST|CIDR',
  }),
  redirect: Type.Object(redirectSettings),
  originCa: Type.Optional(
    Type.String({
      description:
        'authority that registries and other origins with private certificates are trusted by, PEM',
      unit: 'path',
    }),
  ),
  proxy: Type.Object({
    rule: Type.Array(Type.String(), {
      description:
        'what becomes of requests through the proxy whose URL matches: swarm, direct or refuse; https, host=HOST[:PORT] rewrite; the first match decides',
      defaultText: 'blobs of registries come from the swarm, all else directly',
      placeholder: 'REGEXP ACTION…',
      lines: true,
    }),
    bypass: Type.Array(Type.String(), {
      description:
        'targets that the proxy only passes on, whatever rules say; written as in NO_PROXY',
      placeholder: 'HOST|.DOMAIN|CIDR',
    }),
    intercept: Type.Array(Type.String(), {
      description:
        'hosts whose TLS the proxy opens, with a certificate of its own authority; *.DOMAIN for all below one',
      placeholder: 'HOST[:PORT]',
    }),
    caCert: Type.Optional(
      Type.String({
        description: 'authority of these certificates, PEM; dfdaemon gen-ca makes one',
        unit: 'path',
      }),
    ),
    caKey: Type.Optional(
      Type.String({ description: 'private key of that authority, PEM', unit: 'path' }),
    ),
  }),
  rightsTtl: Type.Integer({
    description: 'how long a right that a registry confirmed is taken for granted',
    default: '60s',
    minimum: 0,
    maximum: 3_600_000,
    unit: 'duration',
    reloadable: true,
  }),
  limits: Type.Object({
    down: Type.Integer({
      description: 'most bytes per second received, all contents together; 0 for no limit',
      default: 0,
      minimum: 0,
      unit: 'bps',
      reloadable: true,
    }),
    up: Type.Integer({
      description: 'most bytes per second sent to other hosts; 0 for no limit',
      default: 0,
      minimum: 0,
      unit: 'bps',
      reloadable: true,
    }),
    task: Type.Integer({
      description: 'most bytes per second received of one content; 0 for no limit',
      default: 0,
      minimum: 0,
      unit: 'bps',
      reloadable: true,
    }),
  }),
  operatorToken: Type.Optional(
    Type.String({
      description: 'admits operators from other hosts to /api/v1',
      minLength: 16,
      secret: true,
    }),
  ),
})

export type DaemonConfig = Static<typeof schema> & CommonConfig

/** Everything that dfdaemon can be told. */
export const daemonConfig: ConfigDefinition<DaemonConfig> = defineConfig({
  program: 'dfdaemon',
  envPrefix: 'DFDAEMON',
  summary:
    'Registry mirror of one host: container engines pull through it, hosts fetch from each other.',
  schema,
  defaults: (env) => ({ dataDir: defaultDataDir('dfdaemon', env) }),
  check: conflicts,
  examples: [
    ['dfdaemon --supernode http://10.0.0.5:8002', 'a mirror of docker.io on 127.0.0.1:65001'],
    [
      'dfdaemon --proxy.intercept registry.lan --proxy.ca-cert ca.crt --proxy.ca-key ca.key',
      'docker with HTTPS_PROXY=http://127.0.0.1:65001 pulls layers of registry.lan from other hosts',
    ],
    [
      'dfdaemon --upstream http://registry.lan:5000 --registry registry.lan=http://registry.lan:5000',
      'a mirror of another registry, also when containerd names it',
    ],
  ],
})

function conflicts(config: Static<typeof schema>): Fault[] {
  const { upstream, registry, advertise, allowOrigin, label, cache, redirect, proxy } = config
  const faults = [
    ...faultsOf('registry', () => new Upstreams({ upstream, registries: registry })),
    ...faultsOf('proxy.rule', () => new ProxyRules(proxy.rule)),
    ...faultsOf('proxy.bypass', () => new NoProxy(proxy.bypass)),
    ...faultsOf('proxy.intercept', () => new HostPatterns(proxy.intercept)),
    ...authorityFaults(proxy),
    ...faultsOf('redirect', () => new RedirectOrigins(redirect)),
    ...faultsOf('allowOrigin', () => createAddressGuard({ allow: allowOrigin })),
  ]
  if (!labels.Check(label)) {
    faults.push({
      where: 'label',
      what: 'has a key or value that is no label',
      hint: 'at most 64 of them, each of at most 63 letters, digits and -_./, as --label zone=a',
    })
  }
  if (advertise !== undefined && isIP(advertise) === 0) {
    faults.push({ where: 'advertise', what: `'${advertise}' is not an IP address` })
  }
  if (cache.lowWater > cache.highWater) {
    faults.push({ where: 'cache.lowWater', what: 'is above cache.highWater' })
  }
  return faults
}

function authorityFaults({ caCert, caKey, intercept }: Static<typeof schema>['proxy']): Fault[] {
  if ((caCert === undefined) !== (caKey === undefined)) {
    const where = caCert === undefined ? 'proxy.caKey' : 'proxy.caCert'
    return [{ where, what: 'needs the other one of --proxy.ca-cert and --proxy.ca-key too' }]
  }
  if (intercept.length === 0 || caCert !== undefined) return []
  return [
    {
      where: 'proxy.intercept',
      what: 'needs an authority',
      hint: 'make one with `dfdaemon gen-ca --out DIR`, and give --proxy.ca-cert and --proxy.ca-key',
    },
  ]
}
