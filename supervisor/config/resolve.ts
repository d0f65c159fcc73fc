// Lets convict turn the gathered texts into values of one tree, and tells what it would refuse.
// Each database and service gets a convict of its own: a group named `constructor` as a key of convict's schema would
// make it write onto the global Object.

import convict from 'convict'
import { FlowkeepError } from '../core/errors.ts'
import type { Redact } from '../core/secret.ts'
import { formatNamed } from './format.ts'
import { describeSecret, type Problem, problem, quote } from './problem.ts'
import { type Leaf, leavesOf, type Tree, type Values } from './schema.ts'
import type { Found, Gathered } from './sources.ts'

export interface Resolved<S> {
  /** Sound only when there are no problems. */
  readonly values: Values<S>
  readonly leaves: readonly ResolvedLeaf[]
  readonly problems: readonly Problem[]
  /** Throws when convict itself does not accept the tree: then a refusal was overlooked. */
  assertSound(): void
}

export interface ResolvedLeaf extends Leaf {
  readonly found: Found | undefined
  readonly value: string | number | boolean | null
  /** It is known to be wrong, so that no rule needs to look at it. */
  readonly bad: boolean
}

/** @param redact for values that are no secrets but may hold one all the same */
export function resolve<S extends Tree>(
  tree: S,
  { values, broken }: Pick<Gathered, 'values' | 'broken'>,
  redact: Redact,
): Resolved<S> {
  const leaves = leavesOf(tree)
  const env: Record<string, string> = Object.create(null)
  for (const { setting } of leaves) {
    const found = values.get(setting.env)
    if (found) env[setting.env] = found.text
  }
  // Without `args` convict would read the process's own command line.
  const config = convict(tree as convict.Schema<Tree>, { env, args: [] })

  const problems: Problem[] = []
  const resolved = leaves.map((leaf): ResolvedLeaf => {
    const found = values.get(leaf.setting.env)
    const value: ResolvedLeaf['value'] = config.get(leaf.path as never)
    // What could not be read has its problem already; what was set twice is looked at all the same.
    const unread = broken.has(leaf.setting.env) && !found
    const wrong = unread ? undefined : wrongValue(leaf, value, found, redact)
    if (wrong) problems.push(wrong)
    return { ...leaf, found, value, bad: wrong !== undefined || broken.has(leaf.setting.env) }
  })
  return {
    values: config.getProperties() as unknown as Values<S>,
    leaves: resolved,
    problems,
    assertSound() {
      try {
        config.validate({ allowed: 'strict' })
      } catch {
        // Convict's own message repeats values, so it goes no further.
        throw new FlowkeepError('internal', {
          operation: 'cannot resolve the configuration',
          message: 'a value was accepted that the schema refuses',
          hint: 'Report this with the output of: flowkeep check',
        })
      }
    },
  }
}

function wrongValue(
  leaf: Leaf,
  value: ResolvedLeaf['value'],
  found: Found | undefined,
  redact: Redact,
): Problem | undefined {
  const { env, nullable, sensitive, doc, default: fallback } = leaf.setting
  const format = formatNamed(leaf.setting.format)
  if (value === null)
    return nullable
      ? undefined
      : problem(env, 'not set', format.expected, `Set ${env}: ${doc.charAt(0).toLowerCase()}${doc.slice(1)}`)
  if (typeof value !== 'string') return undefined
  const parsed = format.parse(value)
  if (parsed.ok) return undefined
  const text = sensitive ? describeSecret(value) : quote(value, redact)
  const otherwise =
    fallback === null ? 'Correct it.' : `Correct it, or remove it for the default: ${fallback}`
  const why = parsed.wrong === undefined ? '' : `: ${parsed.wrong}`
  return problem(
    found?.name ?? env,
    `${text}${why}${found?.where ?? ''}`,
    format.expected,
    parsed.hint ?? otherwise,
  )
}
