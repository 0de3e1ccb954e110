import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { text } from 'node:stream/consumers'
import type { Answer } from './fault-server.ts'

export interface RegistryAuth {
  /** `token`: a Bearer challenge, and the token server is this server's `/token`. */
  scheme: 'basic' | 'token'
  /** Name → password. */
  users: Readonly<Record<string, string>>
  /** Name → regular expression over the repositories that the user may pull; all, when the user is not named. */
  rights?: Readonly<Record<string, string>>
  /** Regular expression over the repositories that anybody may pull; none when absent. */
  anonymous?: string
  /** Life of a token; default 300 s. */
  tokenSeconds?: number
  /** Base URL in the challenge's realm; default: the URL of this server. */
  realm?: string
}

interface Token {
  user: string | undefined
  /** Scopes granted, as `repository pull`. */
  granted: Set<string>
  expiresAtMs: number
}

type Action = 'pull' | 'push'

const nothing = '^$'

/** Who may do what at a test registry. */
export class RegistryGate {
  readonly #auth: RegistryAuth
  readonly #tokens = new Map<string, Token>()

  constructor(auth: RegistryAuth) {
    this.#auth = auth
  }

  /** The refusal of a request, or undefined when it may pass. Without a repository, any credential will do. */
  refuse(
    request: IncomingMessage,
    ownUrl: string,
    action: Action,
    repository?: string,
  ): Answer | undefined {
    return this.#auth.scheme === 'basic'
      ? this.#refuseBasic(request, action, repository)
      : this.#refuseToken(request, ownUrl, action, repository)
  }

  /** What the token server answers: `GET /token?service=&scope=` with Basic or nothing, or an OAuth2 form. */
  async giveToken(request: IncomingMessage): Promise<Answer> {
    const isForm = request.method === 'POST'
    const query = new URL(request.url ?? '', 'http://localhost').searchParams
    const form = isForm ? new URLSearchParams(await text(request)) : query
    const login = isForm
      ? { user: form.get('username') ?? '', password: form.get('password') ?? '' }
      : basicOf(request)
    if (login !== undefined && !this.#knows(login)) return refusal(401, 'UNAUTHORIZED', {})
    const { tokenSeconds = 300 } = this.#auth
    const token = `token-${randomUUID()}`
    this.#tokens.set(token, {
      user: login?.user,
      granted: new Set(this.#grant(login?.user, form.getAll('scope'))),
      expiresAtMs: Date.now() + tokenSeconds * 1000,
    })
    const issued_at = new Date().toISOString()
    return jsonAnswer(200, { token, access_token: token, expires_in: tokenSeconds, issued_at })
  }

  *#grant(user: string | undefined, scopes: readonly string[]): Generator<string> {
    for (const scope of scopes.flatMap((list) => list.split(' '))) {
      const [, repository = '', actions = ''] = /^repository:(.*):([^:]*)$/.exec(scope) ?? []
      for (const action of actions.split(','))
        if (this.#may(user, action, repository)) yield `${repository} ${action}`
    }
  }

  #refuseBasic(request: IncomingMessage, action: Action, repository?: string): Answer | undefined {
    const login = basicOf(request)
    const isKnown = login !== undefined && this.#knows(login)
    if (repository !== undefined && this.#may(isKnown ? login.user : undefined, action, repository))
      return undefined
    if (!isKnown) return refusal(401, 'UNAUTHORIZED', { 'www-authenticate': 'Basic realm="test"' })
    return repository === undefined ? undefined : refusal(403, 'DENIED', {})
  }

  #refuseToken(
    request: IncomingMessage,
    ownUrl: string,
    action: Action,
    repository?: string,
  ): Answer | undefined {
    const token = this.#tokens.get(
      /^Bearer (.*)$/.exec(request.headers.authorization ?? '')?.[1] ?? '',
    )
    const isLive = token !== undefined && token.expiresAtMs > Date.now()
    if (isLive && (repository === undefined || token.granted.has(`${repository} ${action}`)))
      return undefined
    const { realm = ownUrl } = this.#auth
    const scope = repository === undefined ? '' : `,scope="repository:${repository}:${action}"`
    const error = isLive ? ',error="insufficient_scope"' : ''
    return refusal(401, isLive ? 'DENIED' : 'UNAUTHORIZED', {
      'www-authenticate': `Bearer realm="${realm}/token",service="test-registry"${scope}${error}`,
    })
  }

  #knows({ user, password }: Login): boolean {
    return Object.hasOwn(this.#auth.users, user) && this.#auth.users[user] === password
  }

  #may(user: string | undefined, action: string, repository: string): boolean {
    const { rights = {}, anonymous = nothing } = this.#auth
    if (action === 'push') return user !== undefined
    if (action !== 'pull') return false
    const isForAll = new RegExp(anonymous).test(repository)
    return isForAll || (user !== undefined && new RegExp(rights[user] ?? '').test(repository))
  }
}

interface Login {
  user: string
  password: string
}

function basicOf(request: IncomingMessage): Login | undefined {
  const encoded = /^Basic (.*)$/.exec(request.headers.authorization ?? '')?.[1]
  if (encoded === undefined) return undefined
  const [user = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':')
  return { user, password: rest.join(':') }
}

/** An error as the OCI distribution spec has it ("Error Codes"). */
export function refusal(status: number, code: string, headers: Record<string, string>): Answer {
  return jsonAnswer(status, { errors: [{ code, message: code.toLowerCase() }] }, headers)
}

export function jsonAnswer(
  status: number,
  value: unknown,
  headers: Record<string, string> = {},
): Answer {
  const bytes = Buffer.from(JSON.stringify(value))
  return {
    status,
    headers: { 'content-type': 'application/json', 'content-length': bytes.length, ...headers },
    body: [bytes],
  }
}
