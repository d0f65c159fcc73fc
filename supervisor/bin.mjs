#!/usr/bin/env node
// `flowkeep` in a checkout: the source, run by the checkout's own Node.js with the flags the bundle runs with.

import { becomeCheckoutNode, checkout, checkoutNode, hasCheckoutNode } from './core/checkout-node.mjs'

if (hasCheckoutNode()) {
  becomeCheckoutNode([
    '--disable-sigusr1',
    '--disable-warning=ExperimentalWarning',
    '--max-semi-space-size=1',
    `${checkout}supervisor/flowkeep.ts`,
    ...process.argv.slice(2),
  ])
} else {
  console.error(`flowkeep: cannot find ${checkoutNode}; run "npm ci" in ${checkout} (Linux on x64 or arm64)`)
  process.exitCode = 69
}
