// As whom and with which rights a container runs.

import { some } from '../../scan/finding.ts'
import { fail, known, notApplicable, pass, type Rule, type Verdict, warn } from '../verdict.ts'
import type { Workload } from '../workload.ts'

/** What Docker gives a container that asks for nothing (moby, oci/caps/defaults.go). */
const capabilitiesByDefault: ReadonlySet<string> = new Set([
  ...['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP'],
  ...['SETPCAP', 'NET_BIND_SERVICE', 'SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
])

/** Safe on a shared node by the Pod Security Standards: each container has its own. */
const safeSysctls: ReadonlySet<string> = new Set([
  ...['kernel.shm_rmid_forced', 'net.ipv4.ip_local_port_range', 'net.ipv4.tcp_syncookies'],
  ...['net.ipv4.ping_group_range', 'net.ipv4.ip_unprivileged_port_start'],
  ...['net.ipv4.ip_local_reserved_ports', 'net.ipv4.tcp_keepalive_time', 'net.ipv4.tcp_fin_timeout'],
  ...['net.ipv4.tcp_keepalive_intvl', 'net.ipv4.tcp_keepalive_probes', 'net.ipv4.tcp_rmem'],
  ...['net.ipv4.tcp_wmem', 'net.ipv4.tcp_slow_start_after_idle', 'net.ipv4.tcp_notsent_lowat'],
])

/** SELinux types that confine a container. */
const confinedTypes: ReadonlySet<string> = new Set(['container_t', 'container_init_t', 'container_kvm_t'])

export const privilegeRules: readonly Rule<Workload>[] = [
  {
    id: 'CIS-5.2',
    from: ['CIS 5.2', 'PSS AppArmor'],
    title: 'AppArmor confines the container',
    severity: 'medium',
    expected: "Docker's profile or one of your own, where the engine has AppArmor",
    fix: 'remove apparmor=unconfined from security_opt',
    look({ kind, engine, securityOptions, appArmorProfile, privileged }) {
      const named = lastValueOf(known(securityOptions, 'security_opt'), 'apparmor')
      const profile = kind === 'container' ? known(appArmorProfile, 'its profile') || named : named
      if (profile === 'unconfined') return fail('it is told to be unconfined')
      if (!engine.securityOptions.has('apparmor')) return notApplicable('the engine has no AppArmor')
      if (profile) return pass(`profile ${profile}`)
      if (kind === 'container') return fail('it has no profile')
      return privileged ? fail('a privileged container gets no profile') : pass("Docker's own profile")
    },
  },
  {
    id: 'CIS-5.3',
    from: ['CIS 5.3', 'PSS SELinux'],
    title: 'SELinux confines the container',
    severity: 'medium',
    expected: 'the type that the engine chooses, where it has SELinux',
    fix: 'remove label=… from security_opt',
    look({ engine, securityOptions }) {
      const labels = valuesOf(known(securityOptions, 'security_opt'), 'label')
      const loose = labels.filter((label) => {
        const [part = '', value = ''] = label.split(':')
        if (part === 'type') return !confinedTypes.has(value)
        return part === 'disable' || part === 'user' || part === 'role'
      })
      if (loose.length > 0) return fail(`label=${loose.join(', label=')}`)
      if (!engine.securityOptions.has('selinux')) return notApplicable('the engine has no SELinux')
      return pass('it has a label of its own')
    },
  },
  {
    id: 'CIS-5.4',
    from: ['CIS 5.4', 'PSS Capabilities (baseline)'],
    title: 'No capability goes beyond those that Docker gives to all',
    severity: 'high',
    expected: 'cap_drop: [ALL], and only those added that it needs',
    fix: 'cap_drop: [ALL]; remove from cap_add what Docker itself would not give',
    look({ capabilitiesAdded, capabilitiesDropped }) {
      const added = known(capabilitiesAdded, 'cap_add')
      const beyond = added.filter((name) => !capabilitiesByDefault.has(name))
      if (beyond.length > 0) return fail(`it adds ${beyond.join(', ')}`)
      if (!known(capabilitiesDropped, 'cap_drop').includes('ALL'))
        return warn("it keeps Docker's default set")
      return pass(added.length > 0 ? `none but ${added.join(', ')}` : 'none')
    },
  },
  {
    id: 'CIS-5.5',
    from: ['CIS 5.5', 'PSS Privileged Containers'],
    title: 'The container is not privileged',
    severity: 'critical',
    expected: 'no privileged: true',
    fix: 'remove privileged: true, and give it the one device or capability that it needs',
    look: ({ privileged }) =>
      known(privileged, 'privileged')
        ? fail('it is privileged: root in it is root on the host')
        : pass('it is not'),
  },
  {
    id: 'CIS-5.22',
    from: ['CIS 5.22', 'PSS Seccomp'],
    title: 'A seccomp profile filters system calls',
    severity: 'high',
    expected: "the engine's profile, or one of your own",
    fix: 'remove seccomp=unconfined from security_opt',
    look({ engine, securityOptions, privileged }) {
      const profile = lastValueOf(known(securityOptions, 'security_opt'), 'seccomp')
      if (profile === 'unconfined') return fail('seccomp=unconfined')
      if (known(privileged, 'privileged')) return fail('a privileged container has no filter')
      if (!engine.securityOptions.has('seccomp')) return fail('the engine has no seccomp')
      return pass(profile === undefined ? "the engine's profile" : 'a profile of its own')
    },
  },
  {
    id: 'CIS-5.26',
    from: ['CIS 5.26', 'PSS Privilege Escalation'],
    title: 'No program in it can gain rights',
    severity: 'high',
    expected: 'security_opt: [no-new-privileges:true]',
    fix: 'security_opt: ["no-new-privileges:true"]',
    look({ securityOptions }) {
      const options = known(securityOptions, 'security_opt')
      const isSet = options.includes('no-new-privileges') || options.includes('no-new-privileges=true')
      return isSet ? pass('no-new-privileges') : fail('no-new-privileges is not set')
    },
  },
  {
    id: 'PSS-capabilities',
    from: ['PSS Capabilities', 'CIS 5.4'],
    title: 'All capabilities are dropped',
    severity: 'high',
    expected: 'cap_drop: [ALL], and nothing added but NET_BIND_SERVICE',
    fix: 'cap_drop: [ALL], and no cap_add; where it has to listen below 1024, cap_add: [NET_BIND_SERVICE]',
    look({ capabilitiesAdded, capabilitiesDropped, privileged }) {
      const added = known(capabilitiesAdded, 'cap_add').filter((name) => name !== 'NET_BIND_SERVICE')
      if (known(privileged, 'privileged')) return fail('it is privileged and has all of them')
      if (!known(capabilitiesDropped, 'cap_drop').includes('ALL')) return fail('cap_drop lacks ALL')
      return added.length > 0 ? fail(`it adds ${added.join(', ')}`) : pass('all are dropped')
    },
  },
  {
    id: 'PSS-non-root',
    from: ['PSS Running as Non-root', 'CIS 4.1'],
    title: 'It runs as a numeric user that is not root',
    severity: 'high',
    expected: 'a user with a number above 0',
    fix: 'user: "10001:10001", or a number that owns its files; a name could be root, and nobody can tell',
    look: ({ user, imageFacts }) =>
      judgeUser(known(user ?? imageFacts?.user, 'the user of its image'), 'it runs as'),
  },
  {
    id: 'PSS-proc-mount',
    from: ['PSS /proc Mount Type'],
    title: 'What tells of the kernel stays masked',
    severity: 'critical',
    expected: 'the paths in /proc and /sys masked and read-only, as the engine does by default',
    fix: 'remove systempaths=unconfined from security_opt, and privileged: true',
    look({ hasMaskedPaths, privileged }) {
      if (known(privileged, 'privileged')) return fail('a privileged container has nothing masked')
      return known(hasMaskedPaths, 'what is masked') ? pass('masked') : fail('systempaths=unconfined')
    },
  },
  {
    id: 'PSS-sysctls',
    from: ['PSS Sysctls'],
    title: 'Only kernel settings of its own are changed',
    severity: 'medium',
    expected: 'none, or those that the Pod Security Standards call safe',
    fix: 'remove the others from sysctls',
    look({ sysctls }) {
      const all = known(sysctls, 'sysctls')
      const unsafe = all.filter((name) => !safeSysctls.has(name))
      if (unsafe.length > 0) return fail(`it sets ${some(unsafe)}`)
      return pass(all.length > 0 ? some(all) : 'none')
    },
  },
]

/** @param begin of the sentence, as in `it runs as` */
export function judgeUser(user: string, begin: string): Verdict {
  const name = user.split(':')[0] ?? ''
  if (name === '' || name === 'root' || Number(name) === 0) return fail(`${begin} root`)
  return /^\d+$/.test(name) ? pass(`${begin} ${user}`) : fail(`${begin} ${name}, which is a name`)
}

function valuesOf(options: readonly string[], name: string): string[] {
  return options.flatMap((option) => (option.startsWith(`${name}=`) ? [option.slice(name.length + 1)] : []))
}

function lastValueOf(options: readonly string[], name: string): string | undefined {
  return valuesOf(options, name).at(-1)
}
