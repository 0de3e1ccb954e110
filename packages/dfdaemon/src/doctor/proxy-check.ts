import { readdir, readFile } from 'node:fs/promises'
import { BlockList, isIP } from 'node:net'
import { join } from 'node:path'
import { isLoopbackAddress, parseListen } from '@df/kit'
import { type Check, type DoctorContext, type Finding, ok, skipped, warning } from './check.ts'
import { reachable } from './daemon-facts.ts'
import { commandOf, processes } from './listeners.ts'

const engines = ['dockerd', 'containerd', 'crio']

export interface ProxySettings {
  /** Who has them: `dockerd (process 12)`, a file. */
  where: string
  /** By upper-case name. */
  variables: ReadonlyMap<string, string>
}

export interface ProxyFacts {
  /** `HOST:PORT` of the mirror as engines are told. */
  mirror: string
  engines: readonly ProxySettings[]
  /** Engines whose environment this user may not read. */
  hidden: readonly string[]
  own: ReadonlyMap<string, string>
}

/** Whether a proxy stands between engines and the mirror, or is expected where none is used. */
export const proxyCheck: Check = {
  name: 'proxy',
  summary: 'HTTP_PROXY, HTTPS_PROXY and NO_PROXY of the engines and of dfdaemon',
  async run(context) {
    const { host, port } = parseListen(context.config.listen)
    const [running, units] = await Promise.all([runningEngines(), systemdUnits(context)])
    return judgeProxies({
      mirror: `${reachable(host)}:${port}`,
      engines: [...running.settings, ...units],
      hidden: running.hidden,
      own: proxyVariables(Object.entries(context.env)),
    })
  },
}

export function judgeProxies({ mirror, engines: found, hidden, own }: ProxyFacts): Finding[] {
  const findings: Finding[] = [
    ...found.flatMap((settings) => judgeEngine(settings, mirror)),
    ...hidden.map((name) => skipped(`the environment of ${name}: only root may read it`)),
  ]
  const outer = own.get('HTTPS_PROXY') ?? own.get('HTTP_PROXY')
  if (outer !== undefined && !pointsAt(outer, mirror)) {
    findings.push(
      warning(
        'HTTPS_PROXY or HTTP_PROXY is set here, but dfdaemon connects to registries directly',
        'see the lines of registry: if they are right, nothing is to do; else let this host connect to the registry, or use a mirror of it inside (--upstream)',
      ),
    )
  }
  return findings.length > 0 ? findings : [ok(`no proxy stands between engines and ${mirror}`)]
}

function judgeEngine({ where, variables }: ProxySettings, mirror: string): Finding[] {
  // Mirrors are plain HTTP, so HTTPS_PROXY does not concern them.
  const proxy = variables.get('HTTP_PROXY')
  if (proxy === undefined) return []
  if (pointsAt(proxy, mirror)) return [ok(`${where}: HTTP_PROXY is dfdaemon`)]
  const host = mirror.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1')
  // Go never sends requests to loopback addresses through a proxy (net/http, ProxyFromEnvironment).
  const isDirect =
    host === 'localhost' ||
    isLoopbackAddress(host) ||
    isExempt(host, variables.get('NO_PROXY') ?? '')
  if (isDirect) return [ok(`${where}: HTTP_PROXY is set, and not used for ${mirror}`)]
  return [
    warning(
      `${where}: HTTP_PROXY is set, and the mirror ${mirror} would be asked through it`,
      `add ${host} to NO_PROXY there, and restart the engine`,
    ),
  ]
}

/** Whether NO_PROXY names the host, by Go's rules (golang.org/x/net/http/httpproxy). */
export function isExempt(host: string, noProxy: string): boolean {
  return noProxy.split(',').some((entry) => {
    const rule = entry.trim().toLowerCase().replace(/:\d+$/, '')
    if (rule === '') return false
    if (rule === '*' || rule === host) return true
    const [net = '', bits] = rule.split('/')
    if (bits !== undefined && isIP(net) !== 0 && isIP(host) === isIP(net)) {
      const family = isIP(net) === 6 ? 'ipv6' : 'ipv4'
      const list = new BlockList()
      list.addSubnet(net, Number(bits), family)
      return list.check(host, family)
    }
    const suffix = rule.startsWith('*.') ? rule.slice(1) : rule.startsWith('.') ? rule : `.${rule}`
    return host.endsWith(suffix)
  })
}

/** The variables of proxies among some, lower-case forms too, which win. */
export function proxyVariables(
  entries: Iterable<readonly [string, string | undefined]>,
): Map<string, string> {
  const found = new Map<string, string>()
  for (const [name, value = ''] of entries) {
    const isProxy = /^(https?|no)_proxy$/i.test(name)
    const upper = name.toUpperCase()
    if (isProxy && value !== '' && (name !== upper || !found.has(upper))) found.set(upper, value)
  }
  return found
}

function pointsAt(proxy: string, mirror: string): boolean {
  const url = URL.parse(proxy.includes('://') ? proxy : `http://${proxy}`)
  return url?.host === mirror
}

async function runningEngines(): Promise<{ settings: ProxySettings[]; hidden: string[] }> {
  const settings: ProxySettings[] = []
  const hidden: string[] = []
  for (const pid of await processes()) {
    const command = await commandOf(pid)
    if (command === undefined || !engines.includes(command)) continue
    const where = `${command} (process ${pid})`
    const text = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => undefined)
    if (text === undefined) hidden.push(where)
    else settings.push({ where, variables: proxyVariables(assignments(text.split('\0'))) })
  }
  return { settings, hidden }
}

/** `Environment=` of drop-ins of systemd: how proxies are usually set for engines. */
async function systemdUnits({ root }: DoctorContext): Promise<ProxySettings[]> {
  const folders = ['docker', 'containerd', 'crio'].map((name) =>
    join(root, 'etc/systemd/system', `${name}.service.d`),
  )
  const settings: ProxySettings[] = []
  for (const folder of folders) {
    const names = await readdir(folder).catch(() => [])
    for (const name of names.filter((each) => each.endsWith('.conf'))) {
      const where = join(folder, name)
      const text = await readFile(where, 'utf8').catch(() => '')
      settings.push({ where, variables: proxyVariables(assignments(unitEnvironment(text))) })
    }
  }
  return settings
}

/** The assignments of `Environment=` lines (systemd.exec(5)), quotes taken off. */
export function unitEnvironment(text: string): string[] {
  return [...text.matchAll(/^[ \t]*Environment[ \t]*=(.*)$/gm)].flatMap(([, line = '']) =>
    [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
      ([, double, single, bare]) => double ?? single ?? bare ?? '',
    ),
  )
}

function assignments(lines: readonly string[]): [string, string][] {
  return lines.map((line) => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1)]
  })
}
