import { rm, writeFile } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { defineCommand, makeFolder } from '@df/kit'
import { AppError } from '@df/proto'
import { Type } from 'typebox'
import { isHostName } from './host-pattern.ts'

const DAY_MS = 86_400_000

/** `dfdaemon gen-ca`: the authority that a dfdaemon signs certificates with for hosts whose TLS it opens. */
export const genCaCommand = defineCommand({
  name: 'gen-ca',
  summary: 'Makes the authority for hosts whose TLS the proxy opens.',
  schema: Type.Object({
    out: Type.String({ description: 'folder for ca.crt and ca.key', unit: 'path' }),
    host: Type.Array(Type.String(), {
      description:
        'limits it to these hosts and what is below them, whoever gets hold of the key; may be repeated',
      defaultText: 'any host',
      placeholder: 'HOST|IP',
    }),
    days: Type.Integer({
      description: 'how long it is good, in days',
      default: 3650,
      minimum: 1,
      maximum: 36_500,
    }),
    name: Type.Optional(
      Type.String({
        description: 'its name, as people see it in lists of authorities',
        defaultText: 'Dragonfly proxy CA of <this host>',
        minLength: 1,
        maxLength: 64,
      }),
    ),
  }),
  examples: [
    [
      'dfdaemon gen-ca --out /etc/dragonfly/ca --host registry.lan',
      'good for registry.lan only; then run dfdaemon with --proxy.intercept registry.lan --proxy.ca-cert and --proxy.ca-key',
    ],
  ],
  async run({ flags, io }) {
    const {
      out,
      days,
      host: hosts,
      name = `Dragonfly proxy CA of ${hostname()}`.slice(0, 64),
    } = flags
    const wrong = hosts.find((host) => !isHostName(host.replace(/^\*\./, '').toLowerCase()))
    if (wrong !== undefined) {
      throw new AppError('USAGE', `--host: '${wrong}' is not a host name or an IP address`, {
        hint: 'write registry.lan, *.lan or 10.0.0.5, without a port',
      })
    }
    // Loaded for this command alone: it brings a whole ASN.1 library.
    const { generateAuthority } = await import('./authority.ts')
    const pair = await generateAuthority({ commonName: name, lifeMs: days * DAY_MS, hosts })
    const [certPath, keyPath] = [join(out, 'ca.crt'), join(out, 'ca.key')]
    await writePair(out, [
      { path: keyPath, text: pair.key, mode: 0o600 },
      { path: certPath, text: pair.cert, mode: 0o644 },
    ])
    io.stdout.write(
      [
        `${certPath}  trust it where the clients are`,
        `${keyPath}  keep it secret: whoever has it can pretend to be ${hosts.join(', ') || 'any host'}`,
        `dfdaemon --proxy.ca-cert ${certPath} --proxy.ca-key ${keyPath} --proxy.intercept ${hosts[0] ?? 'HOST'}`,
        '',
      ].join('\n'),
    )
    return 0
  },
})

/** Both files or none. @throws AppError OUTPUT_FAILED */
async function writePair(
  directory: string,
  files: readonly { path: string; text: string; mode: number }[],
): Promise<void> {
  const written: string[] = []
  try {
    await makeFolder(directory, 0o777)
    for (const { path, text, mode } of files) {
      await writeFile(path, text, { mode, flag: 'wx' })
      written.push(path)
    }
  } catch (cause) {
    for (const path of written) await rm(path, { force: true })
    throw outputError(directory, cause)
  }
}

function outputError(directory: string, cause: unknown): AppError {
  const { code = '', path = directory } = cause as NodeJS.ErrnoException
  if (code === 'EEXIST' && path !== directory) {
    return new AppError('OUTPUT_FAILED', `--out: ${path} is there already`, {
      hint: 'an authority that clients trust is not overwritten: choose another folder, or remove it',
      cause,
    })
  }
  return new AppError('OUTPUT_FAILED', `--out: ${path} cannot be written (${code})`, {
    hint: 'choose a folder that this user may write to',
    cause,
  })
}
