/** What Node.js is told when it runs the supervisor. The byte code fits these flags only. */
export const nodeFlags = [
  // The signal is the flow's; unhandled it would open the inspector.
  '--disable-sigusr1',
  // node:ffi.
  '--disable-warning=ExperimentalWarning',
  // MB. A flood of connections leaves garbage that would else grow to three times 16 MB before it is collected.
  '--max-semi-space-size=1',
] as const
