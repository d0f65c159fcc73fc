// The Node.js that this checkout brings along (npm package node-linux-*), and how a process becomes it.
// Plain JavaScript without dependencies: it runs under whatever Node.js the user's machine has.
// Development only; what ships is the bundle, run by the image's own Node.js.

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The root directory of the checkout, with a slash at its end. */
export const checkout = fileURLToPath(new URL('../../', import.meta.url))

/** Where the checkout's Node.js is, whether it is installed yet or not. */
export const checkoutNode = join(checkout, 'node_modules', `node-linux-${process.arch}`, 'bin', 'node')

export function hasCheckoutNode() {
  return existsSync(checkoutNode)
}

// Signals a process can catch and a user or an engine sends.
const forwarded = ['SIGTERM', 'SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGUSR1', 'SIGUSR2', 'SIGWINCH', 'SIGCONT']
// A terminal sends these to its whole foreground group, so our child has them already: a second one would
// turn a graceful stop into a hard one.
const sentByTerminal = new Set(['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGWINCH', 'SIGCONT'])

/**
 * Ends as the checkout's Node.js run with these arguments would end: same exit code, same signal.
 * @param {string[]} args
 */
export function becomeCheckoutNode(args) {
  // From Node.js 22.15 on the process can be replaced: nothing stands between the sender of a signal and us.
  if (process.execve) process.execve(checkoutNode, [checkoutNode, ...args], process.env)

  const child = spawn(checkoutNode, args, { stdio: 'inherit' })
  const atTerminal = process.stdin.isTTY || process.stdout.isTTY || process.stderr.isTTY
  for (const signal of forwarded) {
    process.on(signal, () => {
      if (!(atTerminal && sentByTerminal.has(signal))) child.kill(signal)
    })
  }
  child.once('error', (error) => {
    console.error(`cannot start ${checkoutNode}: ${error.message}`)
    process.exitCode = 126
  })
  child.once('exit', (code, signal) => {
    if (signal === null) process.exit(code)
    process.removeAllListeners(signal)
    process.kill(process.pid, signal)
    // Still here: the signal does nothing to us (PID 1 of a namespace, or ignored).
    setTimeout(() => process.exit(128 + constants.signals[signal]), 100)
  })
}
