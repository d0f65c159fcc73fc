// Keeps what V8 has compiled, and what TypeScript came to, from one test process to the next.
// Loaded with --import, so that what the tests start is not touched by it, as an environment variable would.

import { enableCompileCache } from 'node:module'

enableCompileCache('node_modules/.cache/compiled-tests')
