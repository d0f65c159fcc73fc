// The reference of all variables in Markdown, made from the schema so that it cannot be wrong.

import { formatNamed } from './format.ts'
import { databaseSchema, leavesOf, type Setting, schema, serviceSchema, type Tree } from './schema.ts'

const begin = '<!-- configuration:begin -->'
const end = '<!-- configuration:end -->'

interface Group {
  readonly title: string
  /** Keys of the schema's top level. */
  readonly sections?: readonly (keyof typeof schema)[]
  readonly tree?: Tree
}

const groups: readonly Group[] = [
  { title: 'The flow', sections: ['flow', 'environment', 'instance', 'log', 'config'] },
  { title: 'Databases, one group of variables for each', tree: databaseSchema('CONTAINER_DATABASE_<NAME>') },
  { title: 'Services, one group of variables for each', tree: serviceSchema('CONTAINER_SERVICE_<NAME>') },
  { title: 'Waiting for dependencies', sections: ['gate'] },
  {
    title: 'Health and control',
    sections: ['http', 'health', 'healthchecks', 'performance', 'control', 'state'],
  },
  { title: 'The local queue', sections: ['queue'] },
  { title: 'Records', sections: ['records'] },
  { title: 'Disks and clean-up', sections: ['disk', 'cleanup'] },
  { title: 'Alerts', sections: ['alert'] },
  { title: 'Security', sections: ['security'] },
  { title: 'Stopping', sections: ['stop'] },
  { title: 'Restarting', sections: ['restart'] },
]

/** Sections that no group shows; a test keeps it empty. */
export function sectionsLeftOut(): string[] {
  const shown = new Set<string>(groups.flatMap(({ sections }) => sections ?? []))
  return Object.keys(schema).filter((section) => !shown.has(section))
}

/** Ends without a newline. */
export function renderReference(): string {
  const intro =
    'Any variable may also be given as `NAME_FILE`, the path of a file that holds the value. ' +
    'An empty value counts as unset. `CONTAINER_APP_*` is left to the flow; any other unknown `CONTAINER_` name is refused.'
  return [intro, ...groups.map(renderGroup)].join('\n\n')
}

function renderGroup({ title, sections, tree }: Group): string {
  const trees = tree ? [tree] : (sections ?? []).map((section): Tree => ({ [section]: schema[section] }))
  const rows = trees.flatMap((tree) => leavesOf(tree)).map(({ setting }) => renderRow(setting))
  return [
    `**${title}**`,
    '',
    '| variable | default | accepts | meaning |',
    '|---|---|---|---|',
    ...rows,
  ].join('\n')
}

function renderRow(setting: Setting<unknown>): string {
  const fallback = setting.defaultNote ?? (setting.default === null ? '–' : `\`${setting.default}\``)
  const isRequired = setting.default === null && !setting.nullable
  const cells = [
    `\`${setting.env}\``,
    isRequired ? ['required', setting.defaultNote].filter(Boolean).join('; ') : fallback,
    formatNamed(setting.format).expected,
    `${setting.doc}${setting.sensitive ? ' Secret.' : ''}`,
  ]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

/**
 * The text with what stands between the two markers replaced by the reference.
 * @throws when the markers are not there, once each and in order
 */
export function replaceReference(readmeText: string): string {
  const [before, rest, ...more] = readmeText.split(begin)
  const [, after, ...moreEnds] = rest?.split(end) ?? []
  if (
    before === undefined ||
    after === undefined ||
    more.length > 0 ||
    moreEnds.length > 0 ||
    before.includes(end)
  ) {
    throw new Error(`the text needs ${begin} and, after it, ${end}, once each`)
  }
  return `${before}${begin}\n${renderReference()}\n${end}${after}`
}
