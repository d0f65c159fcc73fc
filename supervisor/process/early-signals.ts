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

const waiting: string[] = []
let receiver: ((signal: string) => void) | undefined
let childListener: (() => void) | undefined

export function listenEarly(): void {
  for (const name of received) process.on(name, () => deliver(name))
  for (const name of ours) process.on(name, () => undefined)
  process.on('SIGCHLD', () => childListener?.())
}

/** Hands a signal to the receiver, or keeps it until there is one. Also called for real-time signals. */
export function deliver(signal: string): void {
  if (receiver) receiver(signal)
  else if (waiting.length < waitingMax) waiting.push(signal)
}

/** From now on `receive` gets every signal, beginning with those that came before. */
export function receiveSignals(receive: (signal: string) => void): void {
  receiver = receive
  for (const signal of waiting.splice(0)) receive(signal)
}

export function onChildSignal(listener: () => void): void {
  childListener = listener
}
