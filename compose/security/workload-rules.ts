// Everything that is asked of a service and of a container.

import { contentRules } from './rules/contents.ts'
import { fileRules } from './rules/files.ts'
import { namespaceRules } from './rules/namespaces.ts'
import { networkRules } from './rules/network.ts'
import { privilegeRules } from './rules/privileges.ts'
import { resourceRules } from './rules/resources.ts'
import type { Rule } from './verdict.ts'
import type { Workload } from './workload.ts'

export const workloadRules: readonly Rule<Workload>[] = [
  ...privilegeRules,
  ...namespaceRules,
  ...networkRules,
  ...fileRules,
  ...resourceRules,
  ...contentRules,
].sort((a, b) => a.id.localeCompare(b.id, 'en', { numeric: true }))
