#!/usr/bin/env node
// `flowkeepctl` in a checkout: the source, run by the checkout's own Node.js.

import {
  becomeCheckoutNode,
  checkout,
  checkoutNode,
  hasCheckoutNode,
} from '../supervisor/core/checkout-node.mjs'

if (hasCheckoutNode()) {
  becomeCheckoutNode([
    '--disable-warning=ExperimentalWarning',
    `${checkout}compose/cli.ts`,
    ...process.argv.slice(2),
  ])
} else {
  console.error(
    `flowkeepctl: cannot find ${checkoutNode}; run "npm ci" in ${checkout} (Linux on x64 or arm64)`,
  )
  process.exitCode = 69
}
