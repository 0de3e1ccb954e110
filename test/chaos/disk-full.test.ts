import { generatedSource, runOk, startRegistry, type TestRegistry } from '@df/testkit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { curl } from '../support/curl.ts'
import { Lab } from '../support/lab.ts'

const diskMegabytes = 16
const blobBytes = 40e6

let lab: Lab
let registry: TestRegistry

beforeAll(async () => {
  lab = await Lab.open()
  registry = lab.keep(await startRegistry())
})

afterAll(() => lab.close())

describe('a blob that is larger than the disk', () => {
  it('of dfdaemon: streams to the engine all the same', async () => {
    const supernode = await lab.supernode()
    const dfdaemon = await lab.dfdaemon({
      supernodeUrl: supernode.url,
      upstreamUrl: registry.url,
      dataDir: await smallDisk('daemon-disk'),
    })
    await expectPulled([dfdaemon.url], 'library/large-for-daemon')
    await expectPulled([dfdaemon.url], 'library/small-after-daemon', 1e6)
  })

  it('of the SuperNode: its hosts get it from the registry', async () => {
    const supernode = await lab.supernode({ dataDir: await smallDisk('supernode-disk') })
    const settings = { supernodeUrl: supernode.url, upstreamUrl: registry.url }
    const hosts = [await lab.dfdaemon(settings), await lab.dfdaemon(settings)]
    const urls = hosts.map(({ url }) => url)
    await expectPulled(urls, 'library/large-for-supernode')
    await expectPulled(urls, 'library/small-after-supernode', 1e6)
  })
})

/** A disk that other things fill beside our program's data, so that no quota helps. */
async function smallDisk(name: string): Promise<string> {
  const path = await lab.folder(name)
  await runOk(['mount', '-t', 'tmpfs', '-o', `size=${diskMegabytes}m`, 'tmpfs', path])
  lab.defer(() => runOk(['umount', path]))
  await runOk(['fallocate', '-l', `${diskMegabytes - 6}M`, `${path}/filler`])
  return path
}

async function expectPulled(urls: readonly string[], repository: string, bytes = blobBytes) {
  const digest = await registry.content.addBlob(repository, generatedSource(repository, bytes))
  const pulled = await Promise.all(
    urls.map((url) =>
      curl(`${url}/v2/${repository}/blobs/${digest}`, { directory: lab.directory }),
    ),
  )
  for (const outcome of pulled) {
    expect(outcome).toMatchObject({ exitCode: 0, status: 200, digest })
    expect(outcome.seconds).toBeLessThan(20)
  }
}
