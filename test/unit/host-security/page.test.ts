// The page of the rules, and the rules themselves.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { exceptionRule } from '../../../compose/security/exceptions.ts'
import { imageRules } from '../../../compose/security/image-rules.ts'
import { workloadRules } from '../../../compose/security/workload-rules.ts'
import { checkout } from '../../harness/checkout.ts'

t.test('R7.1 runbooks/host-security.md lists the rules as they are', async (t) => {
  const page = readFileSync(`${checkout}/runbooks/host-security.md`, 'utf8')
  const rows = page.split('\n').filter((line) => /^\| (?:CIS|PSS|FK)-/.test(line))
  const wanted = [...imageRules, ...workloadRules, exceptionRule].map(
    ({ id, title, severity, from }) => `| ${id} | ${title} | ${severity} | ${from.join(', ')} |`,
  )
  t.same(rows, wanted)
})
