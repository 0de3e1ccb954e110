import { parseListen } from '@df/kit'
import { type Check, type Finding, failure, ok, warning } from './check.ts'
import { type MirrorFacts, mirrorFacts } from './daemon-facts.ts'
import { describeListener, type Listener, listenerOf } from './listeners.ts'

export interface PortsFacts extends MirrorFacts {
  peerListen: string
  peerPort: number
  peerListener: Listener | undefined
  /** Of this command's configuration. */
  supernodes: readonly string[]
}

/** Whether dfdaemon has its two ports. */
export const portsCheck: Check = {
  name: 'ports',
  summary: 'the mirror port and the peer port: answered by dfdaemon, free, or held by whom',
  async run(context) {
    const { peerListen, supernode } = context.config
    const mirror = await mirrorFacts(context)
    const peerPort = mirror.daemon?.peerPort ?? parseListen(peerListen).port
    const peerListener = peerPort === 0 ? undefined : await listenerOf(peerPort)
    return judgePorts({ ...mirror, peerListen, peerPort, peerListener, supernodes: supernode })
  },
}

export function judgePorts(facts: PortsFacts): Finding[] {
  return [mirrorPort(facts), ...peerPortFindings(facts), ...foreignSettings(facts)]
}

function mirrorPort({ address, daemon, listener }: PortsFacts): Finding {
  if (daemon !== undefined) return ok(`${address}: dfdaemon answers`)
  if (listener === undefined) {
    return warning(
      `${address}: nothing listens, so pulls go to the registry`,
      'start dfdaemon (systemctl start dragonfly-dfdaemon), or give the --listen it has',
    )
  }
  return failure(
    `${address}: held by ${describeListener(listener)}, which is no dfdaemon or hangs`,
    `stop ${listener.pid === undefined ? 'it' : `process ${listener.pid}`}, or start dfdaemon with another --listen and run dfdaemon setup again`,
  )
}

function peerPortFindings({ daemon, peerListen, peerPort, peerListener }: PortsFacts): Finding[] {
  if (daemon !== undefined) {
    return [ok(`${peerPort === 0 ? peerListen : `port ${peerPort}`}: dfdaemon serves peers`)]
  }
  if (peerListener === undefined) return []
  return [
    failure(
      `${peerListen}: the peer port is held by ${describeListener(peerListener)}`,
      'stop it, or choose another --peer-listen',
    ),
  ]
}

/** A dfdaemon that runs with other settings than this command looked at. */
function foreignSettings({ daemon, supernodes, address }: PortsFacts): Finding[] {
  if (daemon === undefined) return []
  const running = daemon.supernodes.map(({ supernode }) => supernode)
  const differs =
    running.length !== supernodes.length || running.some((url) => !supernodes.includes(url))
  if (differs) {
    return [
      warning(
        `the dfdaemon at ${address} has other settings: its SuperNodes are ${running.join(', ')}`,
        'run dfdaemon doctor with the --config or the flags that dfdaemon was started with',
      ),
    ]
  }
  const lost = daemon.supernodes.filter(({ connected }) => !connected)
  return lost.map(({ supernode }) =>
    warning(
      `dfdaemon has no session with ${supernode}`,
      'see the lines of supernode; journalctl -u dfdaemon says when it was lost',
    ),
  )
}
