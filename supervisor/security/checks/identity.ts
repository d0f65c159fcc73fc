// Who the process is, and what the kernel lets it do beyond its user: S01–S09.

import { bitOf, capabilitiesIn, has } from '../capabilities.ts'
import { type Check, fail, pass, some, unknown, type Verdict, warn } from '../check.ts'
import type { Container } from '../container.ts'
import { Unreadable } from '../view.ts'

/** Each of them is a way out of the container or around its user. */
const dangerous = [
  'SYS_ADMIN',
  'SYS_PTRACE',
  'SYS_MODULE',
  'SYS_RAWIO',
  'DAC_READ_SEARCH',
  'NET_ADMIN',
  'BPF',
].map(bitOf)

const dropAll = '--cap-drop ALL (Compose: cap_drop: [ALL]; Kubernetes: capabilities.drop: [ALL])'

export const identityChecks: readonly Check[] = [
  {
    id: 'S01',
    title: 'User',
    severity: 'high',
    reads: '/proc/self/status',
    expected: 'a user id other than 0',
    fix: 'USER 10001:10001 in the image, or --user 10001:10001 (Kubernetes: runAsNonRoot: true)',
    look(container) {
      const ids = container.status('Uid').split(/\s+/)
      return ids.includes('0') ? fail(`uid ${ids.join(' ')}`) : pass(`uid ${ids[0]}`)
    },
  },
  {
    id: 'S02',
    title: 'Groups',
    severity: 'medium',
    reads: '/proc/self/status',
    expected: 'no group 0',
    fix: '--user 10001:10001, with a group other than 0 (Kubernetes: runAsGroup)',
    look(container) {
      const groups = new Set([
        ...container.status('Gid').split(/\s+/),
        ...container.status('Groups').split(/\s+/).filter(Boolean),
      ])
      const found = [...groups].join(' ')
      return groups.has('0') ? warn(found) : pass(found)
    },
  },
  {
    id: 'S03',
    title: 'Capabilities in effect',
    severity: 'critical',
    reads: '/proc/self/status',
    expected: 'an empty CapEff',
    fix: dropAll,
    look(container) {
      const mask = container.mask('CapEff')
      if (mask === 0n) return pass('none')
      const bad = dangerous.filter((bit) => has(mask, bit))
      if (bad.length > 0) return fail(named(bad.reduce((bits, bit) => bits | (1n << BigInt(bit)), 0n)))
      return warn(named(mask))
    },
  },
  {
    id: 'S04',
    title: 'Capabilities that can be gained',
    severity: 'critical',
    reads: '/proc/self/status',
    expected: 'an empty CapBnd',
    fix: `no --privileged; ${dropAll}`,
    look(container) {
      const mask = container.mask('CapBnd')
      if (mask === 0n) return pass('none')
      return has(mask, bitOf('SYS_ADMIN')) ? fail(named(mask)) : warn(named(mask))
    },
  },
  {
    id: 'S05',
    title: 'Capabilities handed on',
    severity: 'medium',
    reads: '/proc/self/status',
    expected: 'empty CapInh and CapAmb',
    fix: 'start the process without inheritable and ambient capabilities (setpriv --inh-caps -all --ambient-caps -all)',
    look(container) {
      const mask = container.mask('CapInh') | container.mask('CapAmb')
      return mask === 0n ? pass('none') : fail(named(mask))
    },
  },
  {
    id: 'S06',
    title: 'New privileges',
    severity: 'high',
    reads: '/proc/self/status',
    expected: 'NoNewPrivs 1',
    fix: '--security-opt no-new-privileges (Kubernetes: allowPrivilegeEscalation: false)',
    look: (container) => oneOf(container, 'NoNewPrivs', ['1'], ['0']),
  },
  {
    id: 'S07',
    title: 'System call filter',
    severity: 'high',
    reads: '/proc/self/status',
    expected: 'Seccomp 1 or 2',
    fix: 'no --security-opt seccomp=unconfined and no --privileged (Kubernetes: seccompProfile: {type: RuntimeDefault})',
    look: (container) => oneOf(container, 'Seccomp', ['1', '2'], ['0']),
  },
  {
    id: 'S08',
    title: 'Security module',
    severity: 'medium',
    reads: '/proc/self/attr/current',
    expected: 'a profile of AppArmor or SELinux that is enforced',
    fix: 'a host with AppArmor or SELinux, and no --security-opt apparmor=unconfined or label=disable',
    look(container) {
      let label: string
      try {
        label = container.view.text(`${container.process}/attr/current`).replaceAll('\0', '').trim()
      } catch (error) {
        if (error instanceof Unreadable && (error.code === 'EINVAL' || error.code === 'ENOENT'))
          return unknown('the kernel runs no security module that would say')
        throw error
      }
      if (label === '') return unknown('the label is empty')
      // SELinux's type for privileged containers is spc_t.
      if (/unconfined|:spc_t(?::|$)/.test(label)) return fail(label)
      return /\(complain\)$/.test(label) ? warn(label) : pass(label)
    },
  },
  {
    id: 'S09',
    title: 'User namespace',
    severity: 'medium',
    reads: '/proc/self/uid_map',
    expected: 'a user namespace with ids of its own',
    fix: 'rootless Docker, or userns-remap in the daemon (Kubernetes: hostUsers: false)',
    look(container) {
      const lines = container.view.text(`${container.process}/uid_map`).trim().split('\n')
      const map = lines.map((line) => line.trim().replace(/\s+/g, ' '))
      if (!map.every((line) => /^\d+ \d+ \d+$/.test(line))) return unknown(`the map reads ${map.join('; ')}`)
      return map.includes('0 0 4294967295') ? warn(map.join('; ')) : pass(map.join('; '))
    },
  },
]

function named(mask: bigint): string {
  return some(capabilitiesIn(mask), 14)
}

function oneOf(
  container: Container,
  field: string,
  good: readonly string[],
  bad: readonly string[],
): Verdict {
  const value = container.status(field)
  if (good.includes(value)) return pass(`${field} ${value}`)
  return bad.includes(value) ? fail(`${field} ${value}`) : unknown(`${field} ${value}`)
}
