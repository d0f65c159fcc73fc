// Who can reach a container.

import { some } from '../../scan/finding.ts'
import { fail, known, pass, type Rule, warn } from '../verdict.ts'
import type { Port, Workload } from '../workload.ts'

/** Below it only root may listen. */
const unprivilegedPortMin = 1024

export const networkRules: readonly Rule<Workload>[] = [
  {
    id: 'CIS-5.7',
    from: ['CIS 5.7'],
    title: 'No SSH server runs in it',
    severity: 'high',
    expected: 'no sshd, and no port 22',
    fix: 'remove it: docker exec and docker logs need no server',
    look({ commands, ports, kind }) {
      if (known(ports, 'ports').some(({ container }) => container === '22/tcp'))
        return fail('it publishes port 22')
      const running = known(commands, 'what runs in it')
      if (running.some((line) => /(?:^|[\s/"'])(?:sshd|dropbear)(?=$|[\s:;"'])/.test(line)))
        return fail('it runs an SSH server')
      return pass(kind === 'container' ? 'none runs' : 'none is asked for')
    },
  },
  {
    id: 'CIS-5.8',
    from: ['CIS 5.8'],
    title: 'No port below 1024 of the host is its own',
    severity: 'medium',
    expected: 'ports from 1024 on',
    fix: 'publish another port of the host, such as 8080:80',
    look({ ports }) {
      const low = known(ports, 'ports').filter(({ host }) => host > 0 && host < unprivilegedPortMin)
      return low.length > 0 ? fail(describe(low)) : pass('none')
    },
  },
  {
    id: 'CIS-5.9',
    from: ['CIS 5.9'],
    title: 'Only ports that are needed are open',
    severity: 'medium',
    expected: 'ports that are named one by one, and that the image is known to serve',
    fix: 'name each port under ports, and remove those that nobody serves (docker run: no -P)',
    look({ publishesAll, ports, imageFacts }) {
      if (known(publishesAll, 'whether all ports are published'))
        return fail('it publishes all that it exposes')
      const published = known(ports, 'ports')
      if (published.length === 0) return pass('none is open')
      const exposed = known(imageFacts, 'what its image exposes').exposedPorts
      const others = published.filter(({ container }) => !exposed.includes(container))
      // An image that exposes nothing says nothing.
      if (exposed.length > 0 && others.length > 0)
        return warn(`${describe(others)} is open, and its image exposes ${some(exposed)}`)
      return pass(describe(published))
    },
  },
  {
    id: 'CIS-5.14',
    from: ['CIS 5.14'],
    title: 'Ports are open on one address of the host',
    severity: 'high',
    expected: 'an address before each port',
    fix: 'ports: ["127.0.0.1:8080:8080"], or the address of the network it is meant for',
    look({ ports }) {
      const everywhere = known(ports, 'ports').filter(({ address }) =>
        ['', '0.0.0.0', '::'].includes(address),
      )
      return everywhere.length > 0 ? fail(`${describe(everywhere)} on every address`) : pass('none on all')
    },
  },
  {
    id: 'CIS-5.30',
    from: ['CIS 5.30'],
    title: "It is not on Docker's default network",
    severity: 'medium',
    expected: 'networks of its own, on which only those are that need each other',
    fix: 'remove network_mode: bridge, and name networks',
    look({ networkMode, networks }) {
      const mode = known(networkMode, 'network_mode')
      const isDefault =
        ['bridge', 'default'].includes(mode) || known(networks, 'its networks').includes('bridge')
      return isDefault ? fail('it is on the bridge that all others are on') : pass('networks of its own')
    },
  },
  {
    id: 'PSS-host-ports',
    from: ['PSS Host Ports'],
    title: 'No port of the host leads to it',
    severity: 'low',
    expected: 'nothing published',
    fix: 'remove ports: others reach it on a network; or accept it with the reason who else needs it',
    look({ ports }) {
      const published = known(ports, 'ports')
      return published.length > 0 ? fail(`${describe(published)} published`) : pass('none')
    },
  },
]

function describe(ports: readonly Port[]): string {
  return some(ports.map(({ container, host }) => (host > 0 ? `${host}:${container}` : container)))
}
