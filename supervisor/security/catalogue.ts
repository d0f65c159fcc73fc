// All checks, in the order of their numbers.

import type { Check } from './check.ts'
import { environmentChecks } from './checks/environment.ts'
import { fileChecks } from './checks/files.ts'
import { identityChecks } from './checks/identity.ts'
import { kernelChecks } from './checks/kernel.ts'
import { mountChecks } from './checks/mounts.ts'
import { namespaceChecks } from './checks/namespaces.ts'
import { networkChecks } from './checks/network.ts'
import { resourceChecks } from './checks/resources.ts'

export const checks: readonly Check[] = [
  ...identityChecks,
  ...namespaceChecks,
  ...kernelChecks,
  ...mountChecks,
  ...resourceChecks,
  ...fileChecks,
  ...environmentChecks,
  ...networkChecks,
].sort((a, b) => (a.id < b.id ? -1 : 1))
