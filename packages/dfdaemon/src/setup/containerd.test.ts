import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse } from 'smol-toml'
import { describe, expect, test } from 'vitest'
import { memoryFiles } from '../test-support/memory-files.ts'
import { planContainerd } from './containerd.ts'

const mirror = 'http://127.0.0.1:65001'
const configFile = '/etc/containerd/config.toml'
const hostsFolder = '/etc/containerd/certs.d'
const hub = `${hostsFolder}/docker.io/hosts.toml`
const cri = '[plugins."io.containerd.grpc.v1.cri".registry'

interface Options {
  registries?: string[]
  majorVersion?: number
}

function plan(content: Record<string, string>, options: Options = {}) {
  const settings = { mirror, configFile, hostsFolder, registries: ['docker.io'], majorVersion: 1 }
  const { files, notes } = planContainerd(memoryFiles(content), { ...settings, ...options })
  return { notes, files: Object.fromEntries(files.map(({ path, text }) => [path, text])) }
}

function fixture(name: string): string {
  return readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8')
}

/** Lines that are in the new text only, and those that are in the old one only. */
function changes(before: string, after: string | undefined): string[] {
  const [old, now] = [before.split('\n'), (after ?? '').split('\n')]
  return [
    ...old.filter((line) => !now.includes(line)).map((line) => `-${line.trim()}`),
    ...now.filter((line) => !old.includes(line)).map((line) => `+${line.trim()}`),
  ]
}

describe('folders of hosts.toml', () => {
  test.each(['containerd-1.6-default.toml', 'containerd-2.1-default.toml'])(
    'in the default configuration of %s one line changes',
    (name) => {
      const before = fixture(name)
      const { files } = plan({ [configFile]: before })
      expect(changes(before, files[configFile])).toEqual([
        name.includes('1.6') ? '-config_path = ""' : "-config_path = ''",
        '+config_path = "/etc/containerd/certs.d"',
      ])
      expect(parse(files[hub] ?? '')).toEqual({
        server: 'https://registry-1.docker.io',
        host: { [mirror]: { capabilities: ['pull', 'resolve'] } },
      })
    },
  )

  test.each([
    [1, 'version = 2', cri],
    [2, 'version = 3', '[plugins."io.containerd.cri.v1.images".registry'],
  ])('a containerd %d without configuration gets one', (majorVersion, version, header) => {
    const text = plan({}, { majorVersion }).files[configFile]
    expect(text).toContain(`${version}\n\n${header}]\n  config_path = "/etc/containerd/certs.d"\n`)
  })

  test('a configuration of version 1 has its own name for the plugin', () => {
    expect(plan({ [configFile]: 'root = "/x"\n' }).files[configFile]).toBe(
      'root = "/x"\n\n[plugins.cri.registry]\n  config_path = "/etc/containerd/certs.d"\n',
    )
  })

  test('a folder that is set already is used, and config.toml stays as it is', () => {
    const text = `version = 2\n${cri}]\nconfig_path = "/a:/b"\n`
    expect(Object.keys(plan({ [configFile]: text }).files)).toEqual(['/a/docker.io/hosts.toml'])
    const inSecond = { [configFile]: text, '/b/docker.io/hosts.toml': 'server = "https://x.lan"\n' }
    expect(plan(inSecond).files).toEqual({
      '/b/docker.io/hosts.toml': expect.stringMatching(
        /^server = "https:\/\/x.lan"\n\n\[host/,
      ) as string,
    })
  })

  test('a registry on a port may have the other name that containerd knows', () => {
    const { files } = plan(
      { [`${hostsFolder}/r.lan_5000_/hosts.toml`]: '' },
      { registries: ['r.lan:5000', 'localhost:5000', '_default'] },
    )
    expect(Object.keys(files)).toEqual([
      `${hostsFolder}/r.lan_5000_/hosts.toml`,
      `${hostsFolder}/localhost:5000/hosts.toml`,
      `${hostsFolder}/_default/hosts.toml`,
      configFile,
    ])
    expect(files[`${hostsFolder}/r.lan_5000_/hosts.toml`]).toContain(
      'server = "https://r.lan:5000"',
    )
    expect(files[`${hostsFolder}/localhost:5000/hosts.toml`]).not.toContain('server')
    expect(files[`${hostsFolder}/_default/hosts.toml`]).not.toContain('server')
  })

  test('a folder of its own begins as a copy of the one for all registries, which it hides', () => {
    const all = '# for all\n[host."https://cache.lan"]\n  skip_verify = true\n'
    expect(plan({ [`${hostsFolder}/_default/hosts.toml`]: all }).files[hub]).toBe(
      `[host."${mirror}"]\n  capabilities = ["pull", "resolve"]\n\n${all}`,
    )
  })

  test('certificates that containerd found by their names are named', () => {
    const place = `${hostsFolder}/r.lan`
    const files = { [`${place}/ca.crt`]: 'x', [`${place}/me.cert`]: 'x', [`${place}/me.key`]: 'x' }
    expect(plan(files, { registries: ['r.lan'] }).files[`${place}/hosts.toml`]).toContain(
      `server = "https://r.lan"\nca = ["${place}/ca.crt"]\nclient = [["${place}/me.cert","${place}/me.key"]]\n`,
    )
  })

  test('hosts that are nowhere to be put before are left to the user', () => {
    const text = 'host."https://x.lan".skip_verify = true\n'
    expect(() => plan({ [hub]: text })).toThrow(/hosts.toml is written in a way/)
  })

  test('imported files count, the last one most', () => {
    const files = {
      [configFile]: `version = 2\nimports = ["conf.d/*.toml"]\n${cri}]\nconfig_path = "/a"\n`,
      '/etc/containerd/conf.d/b.toml': `version = 2\n${cri}]\nconfig_path = "/b"\n`,
      '/etc/containerd/conf.d/c.conf': 'not TOML [',
    }
    expect(Object.keys(plan(files).files)).toEqual(['/b/docker.io/hosts.toml'])
  })

  test('that the CRI plugin is disabled is said', () => {
    const { notes } = plan({ [configFile]: 'version = 2\ndisabled_plugins = ["cri"]\n' })
    expect(notes).toEqual([expect.stringContaining('disables the CRI plugin')])
  })
})

describe('endpoints in config.toml', () => {
  const text = [
    'version = 2',
    `${cri}.mirrors."docker.io"] # ours`,
    '  endpoint = ["https://cache.lan", "https://registry-1.docker.io"]',
    `${cri}.mirrors."*"]`,
    '  endpoint = ["https://all.lan"]',
    '',
  ].join('\n')

  test('the mirror goes first where they are in use; no folder is set, as containerd takes one of both only', () => {
    const { files } = plan({ [configFile]: text }, { registries: ['docker.io', 'quay.io'] })
    expect(files).toEqual({
      [configFile]: `${text.replace('["https://cache', `["${mirror}", "https://cache`)}\n${cri}.mirrors."quay.io"]\n  endpoint = ["${mirror}", "https://all.lan"]\n`,
    })
  })

  test('also where certificates of registries are set there', () => {
    const tls = `version = 2\n${cri}.configs."r.lan".tls]\n  ca_file = "/ca"\n`
    expect(plan({ [configFile]: tls }).files[configFile]).toBe(
      `${tls}\n${cri}.mirrors."docker.io"]\n  endpoint = ["${mirror}", "https://registry-1.docker.io"]\n`,
    )
  })

  test('all registries are "*" there', () => {
    const { files, notes } = plan({ [configFile]: text }, { registries: ['_default'] })
    expect(files[configFile]).toContain(`endpoint = ["${mirror}", "https://all.lan"]`)
    expect(notes).toHaveLength(1)
  })
})
