// What the container shares with its host: S10–S13. The namespaces that the kernel itself starts in have fixed
// numbers (include/uapi/linux/nsfs.h).

import { type Check, fail, pass, some, warn } from '../check.ts'

const hostNamespaces = {
  uts: 4026531838,
  ipc: 4026531839,
  pid: 4026531836,
  cgroup: 4026531835,
  /** Fixed since Linux 6.18; before, the host's has any number. */
  net: 4026531833,
} as const

/** Interfaces that container engines make on the host's side. */
const hostInterface =
  /^(?:docker\d+|cni\d+|podman\d+|br-[0-9a-f]{12}|veth[0-9a-f]+|flannel\.\d+|cali[0-9a-f]+|kube-ipvs\d+)$/

export const namespaceChecks: readonly Check[] = [
  {
    id: 'S10',
    title: 'PID namespace',
    severity: 'critical',
    reads: '/proc/self/ns/pid',
    expected: 'a PID namespace of its own',
    fix: 'no --pid host (Kubernetes: hostPID: false)',
    look(container) {
      const found = container.namespace('pid')
      return found === hostNamespaces.pid ? fail("the host's PID namespace") : pass(`its own, ${found}`)
    },
  },
  {
    id: 'S11',
    title: 'IPC and UTS namespaces',
    severity: 'high',
    reads: '/proc/self/ns/ipc',
    expected: 'IPC and UTS namespaces of its own',
    fix: 'no --ipc host and no --uts host (Kubernetes: hostIPC: false)',
    look(container) {
      const shared = (['ipc', 'uts'] as const).filter(
        (name) => container.namespace(name) === hostNamespaces[name],
      )
      return shared.length > 0 ? fail(`the host's ${shared.join(' and ')} namespace`) : pass('both its own')
    },
  },
  {
    id: 'S12',
    title: 'Network namespace',
    severity: 'high',
    reads: '/sys/class/net',
    expected: 'a network namespace of its own',
    fix: 'no --network host (Kubernetes: hostNetwork: false); publish the ports that are needed',
    look(container) {
      const interfaces = container.view.names('/sys/class/net')
      const ofHost = interfaces.filter((name) => hostInterface.test(name))
      if (ofHost.length > 0) return fail(`interfaces of the host: ${some(ofHost)}`)
      const found = container.namespace('net')
      return found === hostNamespaces.net ? fail("the host's network namespace") : pass(some([...interfaces]))
    },
  },
  {
    id: 'S13',
    title: 'Cgroup namespace',
    severity: 'low',
    reads: '/proc/self/ns/cgroup',
    expected: 'a cgroup namespace of its own',
    fix: '--cgroupns private',
    look(container) {
      const found = container.namespace('cgroup')
      return found === hostNamespaces.cgroup ? warn("the host's cgroup namespace") : pass(`its own, ${found}`)
    },
  },
]
