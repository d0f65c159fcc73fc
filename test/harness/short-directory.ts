// A directory whose path leaves room for a socket's name (107 bytes in all), which tap's own fixtures often don't.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

export function shortDirectory(t: Test): string {
  const directory = mkdtempSync(join(tmpdir(), 'fk-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}
