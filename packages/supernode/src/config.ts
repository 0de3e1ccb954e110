import { defaultDataDir, defineConfig, type Fault, faultsOf } from '@df/kit'
import { configuredRegistryUrl, RedirectOrigins, redirectSettings } from '@df/oci'
import { LabelsSchema } from '@df/proto'
import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'

const labels = Compile(LabelsSchema)

const schema = Type.Object({
  listen: Type.String({
    description: 'address for hosts and operators',
    default: '0.0.0.0:8002',
    unit: 'address',
  }),
  dataDir: Type.String({
    description: 'where the copies and all state lie',
    defaultText: '/var/lib/dragonfly/supernode for root, else below XDG_DATA_HOME',
    unit: 'path',
  }),
  advertise: Type.Optional(
    Type.String({
      description:
        'URL under which all hosts reach this SuperNode; without it each host uses the one it connected to',
      unit: 'url',
    }),
  ),
  allowOrigin: Type.Array(Type.String(), {
    description:
      'origin on an address that is otherwise refused (loopback, private, link-local): a host name or CIDR; may be repeated',
    placeholder: 'HOST|CIDR',
  }),
  tlsCert: Type.Optional(
    Type.String({ description: 'certificate chain, PEM; makes all routes https', unit: 'path' }),
  ),
  tlsKey: Type.Optional(
    Type.String({ description: 'private key of the certificate, PEM', unit: 'path' }),
  ),
  operatorToken: Type.Optional(
    Type.String({
      minLength: 16,
      description: 'admits operators who are not on this host',
      secret: true,
    }),
  ),
  quota: Type.Integer({
    minimum: 0,
    description: 'most bytes of stored content; 0 for as much as the disk has',
    default: '100GiB',
    unit: 'bytes',
  }),
  uploadLimit: Type.Integer({
    minimum: 0,
    description: 'most bytes per second sent to hosts; 0 for no limit',
    default: 0,
    unit: 'bps',
    reloadable: true,
  }),
  originCa: Type.Optional(
    Type.String({
      description: 'authority that origins with private certificates are trusted by, PEM',
      unit: 'path',
    }),
  ),
  originInsecure: Type.Boolean({ description: 'take any certificate of origins', default: false }),
  redirect: Type.Object({
    ...redirectSettings,
    rightsTtl: Type.Integer({
      description: 'how long a right that the storage confirmed is taken for granted',
      default: '60s',
      minimum: 0,
      maximum: 3_600_000,
      unit: 'duration',
      reloadable: true,
    }),
  }),
  reportEvery: Type.Integer({
    minimum: 20,
    maximum: 60_000,
    description: 'how often hosts report their progress',
    default: '1s',
    unit: 'duration',
  }),
  seed: Type.Object({
    connections: Type.Integer({
      minimum: 1,
      maximum: 16,
      description: 'most connections to the origin of one task',
      default: 4,
    }),
    segment: Type.Integer({
      minimum: 1024 * 1024,
      description: 'most bytes asked for in one request to an origin',
      default: '16MiB',
      unit: 'bytes',
    }),
  }),
  registry: Type.Record(Type.String(), Type.String(), {
    description:
      'where the registry that image references call HOST is; others are at https://HOST',
    unit: 'url',
    placeholder: 'HOST=URL',
  }),
  preheat: Type.Object({
    onPush: Type.Union([Type.Literal('off'), Type.Literal('seed'), Type.Literal('hosts')], {
      description:
        'where to bring what is pushed to a registry of --registry that sends notifications: nowhere, to the SuperNode, or to hosts too',
      default: 'off',
    }),
    onPushLabel: Type.Record(Type.String(), Type.String(), {
      description: 'label that hosts must have to get what is pushed: zone=a',
      placeholder: 'KEY=VALUE',
    }),
    onPushShare: Type.Integer({
      minimum: 1,
      maximum: 100,
      description: 'percentage of the hosts (with the labels) that get what is pushed, rounded up',
      default: 100,
      placeholder: 'PERCENT',
    }),
    authFile: Type.Optional(
      Type.String({
        description:
          'logins for registries that preheats bring none for, as docker and podman write them (auth.json); read at each use',
        unit: 'path',
      }),
    ),
  }),
  scheduler: Type.Object({
    seedSlots: Type.Integer({
      minimum: 1,
      maximum: 64,
      description: 'hosts that the SuperNode feeds itself in each stripe of a task',
      default: 1,
    }),
    recordEvents: Type.Boolean({
      description:
        'record what the scheduler is told to scheduler-events.jsonl in the data directory',
      default: false,
    }),
  }),
})

/** All that the SuperNode can be told, by file, environment or flag. */
export const supernodeConfig = defineConfig({
  program: 'supernode',
  envPrefix: 'SUPERNODE',
  summary:
    'the scheduler and the first copy: reads each content once and tells hosts from whom to fetch it',
  schema,
  defaults: (env) => ({ dataDir: defaultDataDir('supernode', env) }),
  check: (config) => [
    ...tlsFaults(config),
    ...faultsOf('registry', () => Object.values(config.registry).forEach(configuredRegistryUrl)),
    ...onPushFaults(config),
    ...faultsOf('redirect', () => new RedirectOrigins(config.redirect)),
  ],
  examples: [
    ['supernode --data-dir /srv/dragonfly', 'serves hosts on port 8002 of all addresses'],
    [
      'supernode --allow-origin registry.internal --tls-cert chain.pem --tls-key key.pem',
      'for a registry on a private address, over TLS',
    ],
  ],
})

export type SupernodeConfig = Static<typeof schema>

function tlsFaults({ tlsCert, tlsKey }: SupernodeConfig): Fault[] {
  if ((tlsCert === undefined) === (tlsKey === undefined)) return []
  const where = tlsCert === undefined ? 'tlsKey' : 'tlsCert'
  return [{ where, what: 'needs the other one of --tls-cert and --tls-key too' }]
}

function onPushFaults({ preheat }: SupernodeConfig): Fault[] {
  const { onPush, onPushLabel, onPushShare } = preheat
  const isChoosing = Object.keys(onPushLabel).length > 0 || onPushShare < 100
  const faults: Fault[] = []
  if (isChoosing && onPush !== 'hosts') {
    faults.push({
      where: 'preheat.onPush',
      what: 'must be hosts when hosts are chosen by label or share',
    })
  }
  if (!labels.Check(onPushLabel)) {
    faults.push({
      where: 'preheat.onPushLabel',
      what: 'has a key or value that is no label',
      hint: 'at most 64 of them, each of at most 63 letters, digits and -_./, as zone=a',
    })
  }
  return faults
}
