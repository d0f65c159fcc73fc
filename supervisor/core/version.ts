// Flowkeep's version: fixed in the bundle when it is built, read from package.json in a checkout.

import { readFileSync } from 'node:fs'

declare const __FLOWKEEP_VERSION__: string | undefined

// `import.meta` stands in the branch that the bundler drops, since one CommonJS file has none.
export const version: string =
  typeof __FLOWKEEP_VERSION__ === 'string'
    ? __FLOWKEEP_VERSION__
    : versionIn(new URL('../../package.json', import.meta.url))

function versionIn(packageJson: URL): string {
  return (JSON.parse(readFileSync(packageJson, 'utf8')) as { version: string }).version
}
