// The first thing the program does: listen to every signal that can be listened to, before any other module loads.
// The kernel drops what a PID 1 neither handles nor blocks, so a stop sent during start-up would otherwise be lost.
// What arrives before someone receives it waits here. This file imports nothing.

/** Never forwarded: CHLD is ours; PIPE comes from our own broken connections; TTIN and TTOU are about our own terminal. */
const ours = ['SIGCHLD', 'SIGPIPE', 'SIGTTIN', 'SIGTTOU'] as const

const received = [
  'SIGTERM',
  'SIGINT',
  'SIGQUIT',
  'SIGHUP',
  'SIGUSR1',
  'SIGUSR2',
  'SIGALRM',
  'SIGSTKFLT',
  'SIGCONT',
  'SIGTSTP',
  'SIGURG',
  'SIGXCPU',
  'SIGXFSZ',
  'SIGVTALRM',
  'SIGPROF',
  'SIGWINCH',
  'SIGIO',
  'SIGPWR',
] as const

/** More than a person sends before the supervisor is up; beyond it the newest are dropped. */
const waitingMax = 64

export interface EarlySignals {
  /** Hands a signal to the receiver, or keeps it until there is one. Also called for real-time signals. */
  deliver(signal: string): void
  /** From now on `receiver` gets every signal, beginning with those that came before. */
  receive(receiver: (signal: string) => void): void
  onChild(listener: () => void): void
}

export function listenEarly(): EarlySignals {
  const waiting: string[] = []
  let receiver: ((signal: string) => void) | undefined
  let childListener: (() => void) | undefined

  function deliver(signal: string): void {
    if (receiver) receiver(signal)
    else if (waiting.length < waitingMax) waiting.push(signal)
  }

  for (const name of received) process.on(name, () => deliver(name))
  for (const name of ours) process.on(name, () => undefined)
  process.on('SIGCHLD', () => childListener?.())
  return {
    deliver,
    receive(receive) {
      receiver = receive
      for (const signal of waiting.splice(0)) receive(signal)
    },
    onChild(listener) {
      childListener = listener
    },
  }
}
