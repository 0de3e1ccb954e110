import { routes } from '@df/proto'
import { Upstreams } from '../mirror/upstreams.ts'
import { type Check, type Finding, failure, ok, skipped, warning } from './check.ts'

const WARN_MS = 30_000
const ERROR_MS = 5 * 60_000
const MEND = 'set the clock: timedatectl set-ntp true, or chronyc makestep'

export interface ClockFacts {
  /** Whose clock. */
  url: string
  /** Its clock minus ours; undefined when it did not say. */
  skewMs: number | undefined
}

/** Compares this host's clock with those of others: tickets and certificates are only as good as clocks. */
export const clockCheck: Check = {
  name: 'clock',
  summary: "this host's clock against the SuperNodes' and the registries'",
  async run({ config, probes }) {
    const upstreams = new Upstreams({ upstream: config.upstream, registries: config.registry })
    const bases = [...new Set(upstreams.configured().map(({ base }) => base))]
    const answers = await Promise.all([
      ...config.supernode.map((url) => probes.supernode(new URL(routes.healthz.path, url).href)),
      ...bases.map((base) => probes.registry(`${base}/v2/`)),
    ])
    return judgeClocks(answers.map(({ url, skewMs }) => ({ url: new URL(url).origin, skewMs })))
  },
}

export function judgeClocks(clocks: readonly ClockFacts[]): Finding[] {
  const told = clocks.filter((clock) => clock.skewMs !== undefined)
  if (told.length === 0) return [skipped('nobody answered with a date to compare with')]
  const off = told.filter(({ skewMs = 0 }) => Math.abs(skewMs) > WARN_MS)
  if (off.length === 0) return [ok(`within 30 s of ${told.map(({ url }) => url).join(', ')}`)]
  const allOff = off.length === told.length
  return off.map(({ url, skewMs = 0 }) => {
    const seconds = Math.round(Math.abs(skewMs) / 1000)
    const words = `${url}: its clock is ${seconds} s ${skewMs > 0 ? 'ahead of' : 'behind'} this host's`
    const where = allOff ? '' : ' there (others agree with this host)'
    const find = Math.abs(skewMs) > ERROR_MS ? failure : warning
    return find(words, `${MEND}${where}`)
  })
}
