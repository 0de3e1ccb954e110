import { readFile } from 'node:fs/promises'
import { readCertificates } from '@df/kit'
import type { CommandContext } from '../command-context.ts'
import { keepsSecrets } from '../preheat/credentials.ts'
import { PreheatClient } from '../preheat/preheat-client.ts'
import { usage } from './command-line.ts'
import type { SupernodeOptions } from './preheat-options.ts'

const TOKEN_VARIABLE = 'DFGET_OPERATOR_TOKEN'

/**
 * The client for the SuperNode that a command line names, with the operator's token if there is one.
 * @throws AppError CONFIG_INVALID, USAGE for a file that cannot be read
 */
export async function openPreheatClient(
  options: SupernodeOptions,
  { env, signal }: Pick<CommandContext, 'env' | 'signal'>,
  note: (text: string) => void,
): Promise<PreheatClient> {
  const { supernodeUrl: url, supernodeCaFile, operatorTokenFile } = options
  const ca = await readCertificates('--supernode-ca', supernodeCaFile)
  const operatorToken = await tokenOf(operatorTokenFile, env[TOKEN_VARIABLE])
  if (operatorToken !== undefined && !keepsSecrets(url)) {
    note(
      `dfget: the operator token goes to ${url} over a plain link; better use its https:// address`,
    )
  }
  return new PreheatClient({
    url,
    ...(ca === undefined ? {} : { ca }),
    ...(operatorToken === undefined ? {} : { operatorToken }),
    signal,
  })
}

async function tokenOf(
  path: string | undefined,
  given: string | undefined,
): Promise<string | undefined> {
  const from = path === undefined ? TOKEN_VARIABLE : '--operator-token-file'
  const text = path === undefined ? (given ?? '') : await readText(path)
  const token = text.trim()
  if (/^[!-~]+$/.test(token)) return token
  if (path === undefined && token === '') return undefined
  throw usage(`${from} holds no token`, 'it is one word')
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw usage(`--operator-token-file: '${path}' cannot be read: ${why}`)
  }
}
