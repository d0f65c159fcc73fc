// What of the host, or of other containers, a container sees as its own.

import { fail, known, pass, type Rule, type Verdict, warn } from '../verdict.ts'
import type { Workload } from '../workload.ts'

export const namespaceRules: readonly Rule<Workload>[] = [
  {
    id: 'CIS-5.10',
    from: ['CIS 5.10', 'PSS Host Namespaces'],
    title: 'Its network is its own',
    severity: 'critical',
    expected: 'networks of its own',
    fix: 'remove network_mode: host, name networks, and publish the ports that others need',
    look: ({ networkMode }) => judgeMode(known(networkMode, 'network_mode'), 'network'),
  },
  {
    id: 'CIS-5.16',
    from: ['CIS 5.16', 'PSS Host Namespaces'],
    title: 'It sees processes of its own only',
    severity: 'critical',
    expected: 'a PID namespace of its own',
    fix: 'remove pid: host',
    look: ({ pidMode }) => judgeMode(known(pidMode, 'pid'), 'PID namespace'),
  },
  {
    id: 'CIS-5.17',
    from: ['CIS 5.17', 'PSS Host Namespaces'],
    title: 'Its shared memory is its own',
    severity: 'high',
    expected: 'an IPC namespace of its own',
    fix: 'remove ipc: host',
    look({ ipcMode }) {
      const mode = known(ipcMode, 'ipc')
      return mode === 'shareable'
        ? warn('others may join its IPC namespace')
        : judgeMode(mode, 'IPC namespace')
    },
  },
  {
    id: 'CIS-5.21',
    from: ['CIS 5.21'],
    title: 'Its host name is its own',
    severity: 'medium',
    expected: 'a UTS namespace of its own',
    fix: 'remove uts: host',
    look: ({ utsMode }) => judgeMode(known(utsMode, 'uts'), 'UTS namespace'),
  },
  {
    id: 'CIS-5.25',
    from: ['CIS 5.25'],
    title: 'Its limits are kept where the engine keeps those of all',
    severity: 'medium',
    expected: 'no cgroup_parent',
    fix: 'remove cgroup_parent: under another parent other limits hold',
    look({ cgroupParent }) {
      const parent = known(cgroupParent, 'cgroup_parent')
      return parent === '' || parent === '/docker' ? pass("the engine's own") : fail(`it is below ${parent}`)
    },
  },
  {
    id: 'CIS-5.31',
    from: ['CIS 5.31'],
    title: 'The user namespace of the engine holds for it, too',
    severity: 'medium',
    expected: 'no userns_mode: host',
    fix: 'remove userns_mode: host',
    look: ({ userNamespaceMode }) => judgeMode(known(userNamespaceMode, 'userns_mode'), 'user namespace'),
  },
]

function judgeMode(mode: string, what: string): Verdict {
  if (mode === 'host') return fail(`it has the ${what} of the host`)
  if (/^(?:container|service):/.test(mode)) return warn(`it has the ${what} of another container`)
  return pass(`a ${what} of its own`)
}
