// Linux capabilities by the number of their bit (include/uapi/linux/capability.h).

const names = [
  ...['CHOWN', 'DAC_OVERRIDE', 'DAC_READ_SEARCH', 'FOWNER', 'FSETID', 'KILL', 'SETGID', 'SETUID', 'SETPCAP'],
  ...[
    'LINUX_IMMUTABLE',
    'NET_BIND_SERVICE',
    'NET_BROADCAST',
    'NET_ADMIN',
    'NET_RAW',
    'IPC_LOCK',
    'IPC_OWNER',
  ],
  ...[
    'SYS_MODULE',
    'SYS_RAWIO',
    'SYS_CHROOT',
    'SYS_PTRACE',
    'SYS_PACCT',
    'SYS_ADMIN',
    'SYS_BOOT',
    'SYS_NICE',
  ],
  ...['SYS_RESOURCE', 'SYS_TIME', 'SYS_TTY_CONFIG', 'MKNOD', 'LEASE', 'AUDIT_WRITE', 'AUDIT_CONTROL'],
  ...['SETFCAP', 'MAC_OVERRIDE', 'MAC_ADMIN', 'SYSLOG', 'WAKE_ALARM', 'BLOCK_SUSPEND', 'AUDIT_READ'],
  ...['PERFMON', 'BPF', 'CHECKPOINT_RESTORE'],
]

/** Names of the bits that are set; a bit without a name by its number. */
export function capabilitiesIn(mask: bigint): string[] {
  const found: string[] = []
  for (let bit = 0; mask >> BigInt(bit) > 0n; bit++) {
    if (has(mask, bit)) found.push(names[bit] ?? `capability ${bit}`)
  }
  return found
}

export function has(mask: bigint, bit: number): boolean {
  return (mask & (1n << BigInt(bit))) !== 0n
}

export function bitOf(name: string): number {
  const bit = names.indexOf(name)
  if (bit < 0) throw new Error(`no capability has the name ${name}`)
  return bit
}
