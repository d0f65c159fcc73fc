// SARIF 2.1.0 as its readers demand it: §3.19 (tool), §3.27 (result), and what code scanning adds.

import t from 'tap'
import { levelOf, toSarif } from '../../../supervisor/security/sarif.ts'
import { SecurityValidator } from '../../../supervisor/security/validator.ts'
import { recordedContainer, statusWith } from './recorded.ts'

interface Rule {
  readonly id: string
  readonly name: string
  readonly shortDescription: { readonly text: string }
  readonly help: { readonly text: string }
  readonly defaultConfiguration: { readonly level: string }
  readonly properties: { readonly 'security-severity': string }
}

interface SarifResult {
  readonly ruleId: string
  readonly ruleIndex: number
  readonly kind: string
  readonly level: string
  readonly message: { readonly text: string }
  readonly locations: readonly [
    { readonly physicalLocation: { readonly artifactLocation: { readonly uri: string } } },
  ]
  readonly suppressions?: readonly unknown[]
}

interface Log {
  readonly $schema: string
  readonly version: string
  readonly runs: readonly [
    {
      readonly tool: {
        readonly driver: { readonly name: string; readonly version: string; readonly rules: readonly Rule[] }
      }
      readonly results: readonly SarifResult[]
      readonly invocations: readonly [{ readonly executionSuccessful: boolean; readonly endTimeUtc: string }]
    },
  ]
}

const tree = {
  '/proc/self/status': statusWith('Seccomp', '0'),
  '/proc/self/attr/current': { error: 'EINVAL' },
  '/proc/self/uid_map': '0 0 4294967295\n',
  '/usr/bin/su': { mode: 0o4755 },
}

async function logOf(accepted: readonly string[] = []): Promise<Log> {
  const results = await new SecurityValidator(recordedContainer({ tree }), accepted).run()
  const context = { version: '1.2.3', instance: 'box-1', time: '2030-01-01T00:00:00.000Z' }
  return JSON.parse(JSON.stringify(toSarif(results, context)))
}

t.test('R7.5 a log has what SARIF requires', async (t) => {
  const { $schema, version, runs } = await logOf()
  t.match($schema, /sarif-schema-2\.1\.0\.json$/)
  t.equal(version, '2.1.0')
  const [{ tool, results, invocations }] = runs
  t.equal(tool.driver.version, '1.2.3')
  t.match(invocations[0], { executionSuccessful: true, endTimeUtc: /Z$/ })
  t.equal(tool.driver.rules.length, 38)
  t.equal(new Set(tool.driver.rules.map(({ id }) => id)).size, 38)
  for (const rule of tool.driver.rules) {
    t.match(rule.name, /^[A-Z][A-Za-z0-9]+$/, rule.id)
    t.match(rule.shortDescription.text, /\.$/, rule.id)
    t.match(rule.help.text, /\S/, rule.id)
    t.match(rule.defaultConfiguration.level, /^(?:error|warning|note)$/, rule.id)
    const score = Number(rule.properties['security-severity'])
    t.ok(score > 0 && score <= 10, rule.id)
  }
  for (const [index, result] of results.entries()) {
    t.equal(tool.driver.rules[result.ruleIndex]?.id, result.ruleId)
    t.equal(result.ruleIndex, index)
    t.match(result.message.text, /\S\.$/, result.ruleId)
    t.ok(URL.canParse(result.locations[0].physicalLocation.artifactLocation.uri), result.ruleId)
    // §3.27.10: a result that is no failure has the level "none".
    t.equal(result.level === 'none', result.kind !== 'fail', result.ruleId)
    t.match(result.kind, /^(?:pass|fail|open)$/)
  }
})

t.test('R7.5 kinds and levels follow status and severity', async (t) => {
  const [{ results }] = (await logOf(['S28'])).runs
  const by = (id: string) => results.find(({ ruleId }) => ruleId === id)
  t.match(by('S07'), { kind: 'fail', level: 'error' })
  t.match(by('S09'), { kind: 'fail', level: 'warning' })
  t.match(by('S08'), { kind: 'open', level: 'none' })
  t.match(by('S01'), { kind: 'pass', level: 'none' })
  t.match(by('S28'), { kind: 'fail', level: 'warning', suppressions: [{ kind: 'external' }] })
  t.equal(by('S07')?.suppressions, undefined)
  const levels = (['critical', 'high', 'medium', 'low'] as const).flatMap((severity) => [
    levelOf({ status: 'fail', severity }),
    levelOf({ status: 'warn', severity }),
  ])
  t.same(levels, ['error', 'warning', 'error', 'warning', 'warning', 'warning', 'note', 'note'])
})
