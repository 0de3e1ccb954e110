import { readFile } from 'node:fs/promises'
import { type Command, type CommandIo, defineCommand, nearest } from '@df/kit'
import { AppError } from '@df/proto'
import { Type } from 'typebox'
import { daemonConfig } from '../config.ts'
import { certificatesCheck } from './certificates-check.ts'
import type { Check } from './check.ts'
import { clockCheck } from './clock-check.ts'
import { diskCheck } from './disk-check.ts'
import { enginesCheck } from './engines-check.ts'
import { examine } from './examine.ts'
import { limitsCheck } from './limits-check.ts'
import { peersCheck } from './peers-check.ts'
import { portsCheck } from './ports-check.ts'
import { createProbes } from './probes.ts'
import { proxyCheck } from './proxy-check.ts'
import { registryCheck } from './registry-check.ts'
import { count, jsonReport, textReport } from './report.ts'
import { supernodeCheck } from './supernode-check.ts'
import { versionsCheck } from './versions-check.ts'

const TIME_MS = 4500

const checks: readonly Check[] = [
  supernodeCheck,
  peersCheck,
  registryCheck,
  enginesCheck,
  proxyCheck,
  certificatesCheck,
  clockCheck,
  diskCheck,
  portsCheck,
  versionsCheck,
  limitsCheck,
]

const schema = Type.Object({
  only: Type.Array(Type.String(), {
    description: `checks to make, of ${checks.map(({ name }) => name).join(', ')} (default all)`,
    placeholder: 'NAME',
  }),
  json: Type.Boolean({ description: 'print one JSON object', default: false }),
  root: Type.String({
    description: 'folder that stands for / when files of engines are looked at',
    default: '/',
    unit: 'path',
  }),
})

/** `dfdaemon doctor`: ends with 1 when something is an error, else with 0. Changes nothing. */
export const doctorCommand: Command = defineCommand({
  name: 'doctor',
  summary: 'Tells what is wrong with this host and how to mend it; exit code 1 when something is.',
  schema,
  config: daemonConfig,
  examples: [
    ['dfdaemon doctor --config /etc/dragonfly/dfdaemon.yaml', 'looks at everything'],
    ['dfdaemon doctor --only supernode,registry --json', 'two checks, for a program'],
  ],
  async run({ flags, config, io }) {
    const chosen = choose(flags.only)
    const { env, uid, version } = io
    const signal = AbortSignal.any([io.signal, AbortSignal.timeout(TIME_MS)])
    const probes = createProbes({
      supernodeCa: await readAuthority(config.supernodeCa),
      originCa: await readAuthority(config.originCa),
      version,
      signal,
    })
    const context = { config, root: flags.root, env, uid, version, probes, signal }
    const found = await examine(chosen, context, TIME_MS)
    io.signal.throwIfAborted()
    io.stdout.write(flags.json ? jsonReport(found) : textReport(found, { colour: isColourful(io) }))
    return count(found, 'error') === 0 ? 0 : 1
  },
})

/** @throws AppError USAGE for a check that there is not */
function choose(names: readonly string[]): readonly Check[] {
  const known = checks.map(({ name }) => name)
  const wrong = names.find((name) => !known.includes(name))
  if (wrong !== undefined) {
    const meant = nearest(wrong, known)
    throw new AppError('USAGE', `--only: there is no check '${wrong}'`, {
      hint: meant === undefined ? `one of ${known.join(', ')}` : `did you mean ${meant}?`,
    })
  }
  return names.length === 0 ? checks : checks.filter(({ name }) => names.includes(name))
}

/** An authority that cannot be read is a finding of the certificates check. */
async function readAuthority(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  return await readFile(path, 'utf8').catch(() => undefined)
}

/** See https://no-color.org. */
function isColourful({ stdout, env }: CommandIo): boolean {
  return stdout.columns !== undefined && (env['NO_COLOR'] ?? '') === ''
}
