import { join } from 'node:path'
import { Client, credentials, type ServiceDefinition } from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'

export interface CriImage {
  id: string
  repo_tags: string[]
  repo_digests: string[]
  size: number
}

export interface CriExecResult {
  stdout: string
  stderr: string
  code: number
}

export interface CriPullOptions {
  /** As kubelet passes image pull secrets. */
  login?: { user: string; password: string }
  timeoutMs?: number
}

const definition = loadSync(join(import.meta.dirname, '../proto/cri.proto'), {
  keepCase: true,
  longs: Number,
  defaults: true,
})

/** The node's network, so that no CNI plugin is needed. */
const namespaces = { namespace_options: { network: 'NODE', pid: 'CONTAINER', ipc: 'POD' } }

/** A container runtime spoken to as kubelet does. Calls reject with the gRPC error, its code and `details`. */
export class CriClient {
  readonly #client: Client

  constructor(socketPath: string) {
    const options = {
      // Go servers refuse the authority that grpc-js makes of a socket's path.
      'grpc.default_authority': 'localhost',
      // A daemon that is just starting is tried again soon.
      'grpc.initial_reconnect_backoff_ms': 100,
    }
    this.#client = new Client(`unix:${socketPath}`, credentials.createInsecure(), options)
  }

  async version(): Promise<{ runtime_name: string; runtime_version: string }> {
    return (await this.#call('RuntimeService', 'Version', {}, 5000)) as Awaited<
      ReturnType<CriClient['version']>
    >
  }

  /** Gives the id of the image. */
  async pull(image: string, { login, timeoutMs }: CriPullOptions = {}): Promise<string> {
    const auth = login && { username: login.user, password: login.password }
    const request = { image: { image }, ...(auth ? { auth } : {}) }
    const answer = await this.#call('ImageService', 'PullImage', request, timeoutMs)
    return (answer as { image_ref: string }).image_ref
  }

  async remove(image: string): Promise<void> {
    await this.#call('ImageService', 'RemoveImage', { image: { image } })
  }

  async images(): Promise<CriImage[]> {
    const answer = await this.#call('ImageService', 'ListImages', {})
    return (answer as { images: CriImage[] }).images
  }

  /** Runs a command in a container of a new pod on the node's network; both are gone afterwards. */
  async exec(image: string, command: readonly string[]): Promise<CriExecResult> {
    const uid = crypto.randomUUID()
    const config = {
      metadata: { name: `pod-${uid}`, uid, namespace: 'default' },
      linux: { security_context: namespaces },
    }
    const sandbox = await this.#call('RuntimeService', 'RunPodSandbox', { config })
    try {
      const container = await this.#call('RuntimeService', 'CreateContainer', {
        ...(sandbox as object),
        sandbox_config: config,
        config: {
          metadata: { name: 'main' },
          image: { image },
          command: ['sleep', '600'],
          linux: { security_context: namespaces },
        },
      })
      await this.#call('RuntimeService', 'StartContainer', container)
      const request = { ...(container as object), cmd: command, timeout: 60 }
      const result = await this.#call('RuntimeService', 'ExecSync', request)
      const { stdout, stderr, exit_code } = result as ExecSyncResponse
      return { stdout: stdout.toString(), stderr: stderr.toString(), code: exit_code }
    } finally {
      await this.#call('RuntimeService', 'StopPodSandbox', sandbox)
      await this.#call('RuntimeService', 'RemovePodSandbox', sandbox)
    }
  }

  close(): void {
    this.#client.close()
  }

  #call(service: string, name: string, request: unknown, timeoutMs = 120_000): Promise<unknown> {
    const methods = definition[`runtime.v1.${service}`] as ServiceDefinition
    const method = methods[name]
    if (method === undefined) throw new Error(`cri.proto has no ${service}.${name}`)
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.#client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      { deadline: Date.now() + timeoutMs },
      (error, answer) => (error ? reject(error) : resolve(answer)),
    )
    return promise
  }
}

interface ExecSyncResponse {
  stdout: Buffer
  stderr: Buffer
  exit_code: number
}
