// The few system calls that a PID 1 needs and Node.js lacks, through `node:ffi`. Everything native is in this file.
// ffi accepts wrong descriptions silently and then answers undefined, so `loadNative` proves each kind of call first.

import { FlowkeepError } from '../core/errors.ts'
import { firstRealTimeSignal, lastRealTimeSignal, signalName } from './signal-names.ts'

const WNOHANG = 1
const WEXITED = 4
const WNOWAIT = 0x01000000
const P_ALL = 0
const P_PID = 1
const PR_SET_CHILD_SUBREAPER = 36
const O_CLOEXEC = 0o2000000
const SIG_UNBLOCK = 1
const LOCK_EX_NB = 2 | 4
const SIGUSR1 = 10
const SIGCHLD = 17
const UV_SIGNAL = 16
/** Offsets in glibc's 64-bit siginfo_t as waitid(2) fills it. */
const siginfo = { bytes: 128, code: 8, pid: 16, status: 24 } as const
const CLD_EXITED = 1
/** A page for one handle, below the program's own data. See `observeChildExits`. */
const lowAddress = 0x100000n
const pageBytes = 4096n
const PROT_READ_WRITE = 3
const MAP_PRIVATE_ANONYMOUS = 0x22

export interface ExitStatus {
  readonly code: number | undefined
  readonly signalNumber: number | undefined
}

export interface Native {
  /** The pid of some child that has exited and waits to be reaped, without reaping it. */
  peekExited(): number | undefined
  /** Reaps that child. False when it was not ours to reap any more. */
  reap(pid: number): boolean
  /** The status of this child if it has exited, without reaping it. */
  peekStatus(pid: number): ExitStatus | undefined
  /** Adopts orphans also when not PID 1. */
  becomeSubreaper(): boolean
  /** A pipe, not a socket pair, so that `/dev/stdout` can be opened in the flow. */
  pipe(): { readFd: number; writeFd: number }
  /** Delivers what `--disable-sigusr1` held back. */
  unblockSigusr1(): void
  /** Listens to SIGRTMIN…SIGRTMAX, which `process.on` accepts and never delivers. */
  listenToRealTimeSignals(deliver: (signal: string) => void): void
  /** Calls `observe` on SIGCHLD before Node.js reaps. False where that order cannot be had. */
  observeChildExits(observe: () => void): boolean
  /** Locks an open file until it is closed, by flock(2). False while another open of it is locked. */
  tryLock(fd: number): boolean
  /** Gives the kernel back what the C library holds of freed memory. */
  trimMemory(): void
  /** Ends the process at once: a thread that is stuck writing to a blocked stdout would hold up `process.exit`. */
  exitNow(code: number): never
}

export function loadNative(): Native {
  const ffi = process.getBuiltinModule('node:ffi')
  if (!ffi) throw unusable('this Node.js has no node:ffi')

  const { functions: libc } = ffi.dlopen('libc.so.6', {
    getpid: { arguments: [], return: 'i32' },
    waitid: { arguments: ['i32', 'i32', 'buffer', 'i32'], return: 'i32' },
    waitpid: { arguments: ['i32', 'buffer', 'i32'], return: 'i32' },
    prctl: { arguments: ['i32', 'u64', 'u64', 'u64', 'u64'], return: 'i32' },
    pipe2: { arguments: ['buffer', 'i32'], return: 'i32' },
    pthread_sigmask: { arguments: ['i32', 'buffer', 'pointer'], return: 'i32' },
    mmap: { arguments: ['pointer', 'u64', 'i32', 'i32', 'i32', 'i64'], return: 'pointer' },
    flock: { arguments: ['i32', 'i32'], return: 'i32' },
    malloc_trim: { arguments: ['u64'], return: 'i32' },
    _exit: { arguments: ['i32'], return: 'void' },
  })
  const { lib, functions: uv } = ffi.dlopen(null, {
    uv_handle_size: { arguments: ['i32'], return: 'u64' },
    uv_signal_init: { arguments: ['pointer', 'pointer'], return: 'i32' },
    uv_signal_start: { arguments: ['pointer', 'pointer', 'i32'], return: 'i32' },
    uv_unref: { arguments: ['pointer'], return: 'void' },
  })
  const handleBytes = Number(uv.uv_handle_size(UV_SIGNAL))
  const info = Buffer.alloc(siginfo.bytes)
  const statusWord = Buffer.alloc(4)
  /** Memory that libuv holds on to for the life of the process. */
  const kept: Buffer[] = []

  selfTest()

  function selfTest(): void {
    if (libc.getpid() !== process.pid) throw unusable('getpid() answers another pid than the process has')
    if (!(handleBytes >= 100 && handleBytes <= 1000)) throw unusable(`uv_handle_size answers ${handleBytes}`)
    const answer = libc.waitid(P_ALL, 0, info, WEXITED | WNOHANG | WNOWAIT)
    if (answer !== 0 && answer !== -1) throw unusable(`waitid() answers ${answer}`)
    const { readFd, writeFd } = pipe()
    const fs = process.getBuiltinModule('node:fs')
    fs.writeSync(writeFd, 'x')
    const read = fs.readSync(readFd, Buffer.alloc(2))
    // The two ends of a pipe are two opens of one file.
    const locks = [libc.flock(readFd, LOCK_EX_NB), libc.flock(writeFd, LOCK_EX_NB)]
    if (locks[0] !== 0 || locks[1] !== -1) throw unusable(`flock() answers ${locks.join(' and ')}`)
    fs.closeSync(readFd)
    fs.closeSync(writeFd)
    if (read !== 1) throw unusable('pipe2() gives no working pipe')
  }

  function peek(idType: number, id: number): number | undefined {
    info.fill(0)
    if (libc.waitid(idType, id, info, WEXITED | WNOHANG | WNOWAIT) !== 0) return undefined
    return info.readInt32LE(siginfo.pid) || undefined
  }

  function pipe(): { readFd: number; writeFd: number } {
    const fds = Buffer.alloc(8)
    if (libc.pipe2(fds, O_CLOEXEC) !== 0) throw noDescriptors()
    return { readFd: fds.readInt32LE(0), writeFd: fds.readInt32LE(4) }
  }

  function startSignalHandle(handle: bigint, signal: number, fire: (number: number) => void): void {
    const callback = lib.registerCallback(
      { arguments: ['pointer', 'i32'], return: 'void' },
      (_handle: unknown, number: number) => fire(number),
    )
    uv.uv_signal_init(ffi.getCurrentEventLoop(), handle)
    uv.uv_signal_start(handle, callback, signal)
    uv.uv_unref(handle)
  }

  return {
    peekExited: () => peek(P_ALL, 0),
    reap: (pid) => libc.waitpid(pid, statusWord, WNOHANG) === pid,
    peekStatus(pid) {
      if (peek(P_PID, pid) !== pid) return undefined
      const status = info.readInt32LE(siginfo.status)
      return info.readInt32LE(siginfo.code) === CLD_EXITED
        ? { code: status, signalNumber: undefined }
        : { code: undefined, signalNumber: status }
    },
    becomeSubreaper: () => libc.prctl(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n) === 0,
    pipe,
    unblockSigusr1() {
      const set = Buffer.alloc(128)
      set.writeUInt32LE(1 << (SIGUSR1 - 1), 0)
      libc.pthread_sigmask(SIG_UNBLOCK, set, 0n)
    },
    listenToRealTimeSignals(deliver) {
      const count = lastRealTimeSignal - firstRealTimeSignal + 1
      const memory = Buffer.allocUnsafeSlow(count * handleBytes).fill(0)
      kept.push(memory)
      const base = ffi.getRawPointer(memory)
      for (let offset = 0; offset < count; offset++) {
        const handle = base + BigInt(offset * handleBytes)
        startSignalHandle(handle, firstRealTimeSignal + offset, (number) => deliver(signalName(number)))
      }
    },
    observeChildExits(observe) {
      // libuv calls the handles of one signal in the order of their addresses, and its own child watcher lies in
      // the program's data. Only a handle below it sees a child before Node.js has reaped it and dropped a status
      // that it has no name for (a real-time signal would read as exit code 0).
      const handle = libc.mmap(lowAddress, pageBytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0n)
      if (handle !== lowAddress) return false
      startSignalHandle(handle, SIGCHLD, observe)
      return true
    },
    tryLock: (fd) => libc.flock(fd, LOCK_EX_NB) === 0,
    trimMemory: () => void libc.malloc_trim(0n),
    exitNow(code) {
      libc._exit(code)
      throw unusable('_exit() returned')
    },
  }
}

function noDescriptors(): FlowkeepError {
  return new FlowkeepError('internal', {
    operation: 'cannot make a pipe',
    message: 'there is no file descriptor left',
    hint: 'raise the limit of open files (`ulimit -n`, `docker run --ulimit nofile=…`)',
  })
}

function unusable(message: string): FlowkeepError {
  return new FlowkeepError('internal', {
    operation: 'cannot load the native calls',
    subject: 'node:ffi',
    message,
    hint: 'run the Node.js that the base image brings (26.10 or later, glibc, 64-bit Linux)',
  })
}
