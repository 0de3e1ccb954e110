import { spawn } from 'node:child_process'
import { AppError } from '@df/proto'
import type { StoredLogin } from './stored-login.ts'

export interface HelperQuestion {
  /** Without the `docker-credential-` in front. */
  helper: string
  /** A registry as helpers know it: a host, or `https://index.docker.io/v1/`. */
  server: string
  /** For the helper; `PATH` says where it is. */
  env: Readonly<Record<string, string | undefined>>
  signal: AbortSignal
}

const maxOutputBytes = 256 * 1024
/** What helpers print when they have no login (docker-credential-helpers, `credentials/error.go`). */
const notFound = 'credentials not found in native keychain'
/** In place of a name, it says that the secret is an identity token. */
const tokenUser = '<token>'

/**
 * Asks a credential helper (`docker-credential-NAME get`) for the login of a registry; undefined when it has none.
 * @throws AppError CONFIG_INVALID when it cannot be run, fails or answers something else, without what it said; the
 *   signal's reason, the helper being ended
 */
export async function askCredentialHelper(
  question: HelperQuestion,
): Promise<StoredLogin | undefined> {
  const { helper, signal } = question
  signal.throwIfAborted()
  const { code, output } = await run(question)
  signal.throwIfAborted()
  if (code === 0) return loginOf(output, helper)
  if (output.trim() === notFound) return undefined
  throw failed(helper, `ended with ${code ?? 'a signal'}`)
}

function run({ helper, server, env, signal }: HelperQuestion) {
  return new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    // What it says on stderr may be for the person at the terminal: a prompt.
    const child = spawn(`docker-credential-${helper}`, ['get'], {
      env,
      signal,
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const parts: Buffer[] = []
    let sizeBytes = 0
    child.stdout.on('data', (part: Buffer) => {
      sizeBytes += part.length
      if (sizeBytes <= maxOutputBytes) {
        parts.push(part)
        return
      }
      child.kill('SIGKILL')
      // What it started may hold the pipe open.
      child.stdout.destroy()
    })
    child.on('error', (cause) => {
      if (signal.aborted) reject(signal.reason)
      else reject(failed(helper, 'cannot be run', cause))
    })
    child.on('close', (code) => resolve({ code, output: Buffer.concat(parts).toString() }))
    // A helper may end without reading the question; its exit code tells more.
    child.stdin.on('error', () => {})
    child.stdin.end(server)
  })
}

function loginOf(output: string, helper: string): StoredLogin | undefined {
  const { Username: username, Secret: secret } = parseObject(output)
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failed(helper, 'did not answer with a name and a secret')
  }
  if (username === tokenUser) return { identityToken: secret }
  return username === '' && secret === '' ? undefined : { username, password: secret }
}

function parseObject(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}

function failed(helper: string, what: string, cause?: unknown): AppError {
  return new AppError(
    'CONFIG_INVALID',
    `the credential helper docker-credential-${helper} ${what}`,
    {
      hint: `echo HOST | docker-credential-${helper} get tells more`,
      ...(cause === undefined ? {} : { cause }),
    },
  )
}
