import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PreheatSummary } from '@df/proto'
import {
  type DockerRegistry,
  freePort,
  makeIndex,
  pushImage,
  sampleImages,
  startDockerRegistry,
} from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Lab, type TestProgram } from '../support/lab.ts'

const token = 'the-token-of-the-operator'
const robot = { user: 'robot', password: 'the-password-of-the-robot' }

let lab: Lab
let registry: DockerRegistry
let supernode: TestProgram

beforeAll(async () => {
  lab = await Lab.open()
  const port = await freePort()
  const authFile = join(await lab.folder('logins'), 'auth.json')
  const auth = Buffer.from(`${robot.user}:${robot.password}`).toString('base64')
  await writeFile(authFile, JSON.stringify({ auths: { [`127.0.0.1:${port}`]: { auth } } }))
  supernode = await lab.supernode({
    args: [
      `--operator-token=${token}`,
      `--registry=127.0.0.1:${port}=http://127.0.0.1:${port}`,
      '--preheat.on-push=seed',
      `--preheat.auth-file=${authFile}`,
    ],
  })
  registry = lab.keep(
    await startDockerRegistry({
      directory: await lab.folder('registry'),
      port,
      users: { [robot.user]: robot.password },
      notify: {
        url: `${supernode.url}/api/v1/registry-events`,
        authorization: `Bearer ${token}`,
      },
    }),
  )
})

afterAll(() => lab.close())

async function preheats(): Promise<PreheatSummary[]> {
  const response = await fetch(`${supernode.url}/api/v1/preheats`)
  return ((await response.json()) as { preheats: PreheatSummary[] }).preheats
}

describe('what is pushed to a private registry that sends notifications', () => {
  it('is at the SuperNode before anybody pulls it, also an index with its children', async () => {
    const layers = await lab.folder('layers')
    const [tiny, multi] = await Promise.all([
      sampleImages.tiny(layers),
      sampleImages.multiLayer(layers),
    ])
    const index = makeIndex([
      { image: tiny, architecture: 'amd64' },
      { image: multi, architecture: 'arm64' },
    ])
    await pushImage(registry.url, 'team/app:1', index, { login: robot })
    const blobs = new Set([...tiny.blobs, ...multi.blobs].map(({ digest }) => digest))
    await expect
      .poll(
        async () => {
          const response = await fetch(`${supernode.url}/api/v1/tasks`)
          const { tasks } = (await response.json()) as {
            tasks: { digest: string; state: string }[]
          }
          return tasks.filter(({ state }) => state === 'complete').map(({ digest }) => digest)
        },
        { timeout: 15_000 },
      )
      .toEqual(expect.arrayContaining([...blobs]))
    await expect
      .poll(async () => (await preheats()).map(({ state }) => state), { timeout: 10_000 })
      .not.toContain('running')
    expect((await preheats()).every(({ state }) => state === 'complete')).toBe(true)
  })

  it('is left alone when the notification names a registry that is not configured', async () => {
    const before = await preheats()
    const answer = await fetch(`${supernode.url}/api/v1/registry-events`, {
      method: 'POST',
      headers: { 'content-type': 'application/vnd.docker.distribution.events.v1+json' },
      body: JSON.stringify({
        events: [
          {
            action: 'push',
            target: {
              mediaType: 'application/vnd.oci.image.manifest.v1+json',
              digest: `sha256:${'0'.repeat(64)}`,
              repository: 'a/b',
            },
            request: { host: '169.254.169.254' },
          },
        ],
      }),
    })
    expect(answer.status).toBe(202)
    expect(await preheats()).toEqual(before)
  })
})
