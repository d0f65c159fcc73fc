// What the arguments of `npm test` select. Pure.

export const stageNames = ['lint', 'typecheck', 'bundle', 'unit', 'integration', 'container'] as const
export type StageName = (typeof stageNames)[number]

export const tierNames = ['unit', 'integration', 'container'] as const
export type TierName = (typeof tierNames)[number]

export interface Selection {
  readonly stages: ReadonlySet<StageName>
  /** Test files by tier, sorted, as paths from the root of the checkout. */
  readonly files: Readonly<Record<TierName, readonly string[]>>
}

/**
 * No argument selects everything. A stage's name selects that stage; a path selects the test files that are it
 * or lie under it. Where both are given, the paths narrow the tiers.
 * @param allFiles every test file, as paths from the root of the checkout
 * @throws Error on an argument that is neither
 */
export function select(args: readonly string[], allFiles: readonly string[]): Selection {
  const names = args.filter((arg): arg is StageName => (stageNames as readonly string[]).includes(arg))
  const paths = args
    .filter((arg) => arg !== '--' && !(stageNames as readonly string[]).includes(arg))
    .map((path) => path.replace(/^\.\//, '').replace(/\/$/, ''))
  const chosen = paths.length === 0 ? allFiles : paths.flatMap((path) => under(path, allFiles))

  const stages = new Set<StageName>(names)
  if (names.length === 0) {
    if (paths.length === 0) for (const name of stageNames) stages.add(name)
    else for (const tier of tierNames) if (chosen.some((file) => tierOf(file) === tier)) stages.add(tier)
  }
  // What these tiers run is the bundle.
  if (stages.has('integration') || stages.has('container')) stages.add('bundle')

  const filesOf = (tier: TierName) =>
    stages.has(tier) ? [...new Set(chosen)].filter((file) => tierOf(file) === tier).sort() : []
  for (const tier of tierNames) {
    if (names.includes(tier) && filesOf(tier).length === 0) {
      throw new Error(`"${tier}" and the paths given have no test file in common`)
    }
  }
  return {
    stages,
    files: { unit: filesOf('unit'), integration: filesOf('integration'), container: filesOf('container') },
  }
}

function under(path: string, allFiles: readonly string[]): string[] {
  const found = allFiles.filter((file) => file === path || file.startsWith(`${path}/`))
  if (found.length === 0) {
    throw new Error(
      `"${path}" is neither a stage (${stageNames.join(', ')}) nor a test file or a folder of some`,
    )
  }
  return found
}

function tierOf(file: string): string | undefined {
  return /^test\/([^/]+)\//.exec(file)?.[1]
}
