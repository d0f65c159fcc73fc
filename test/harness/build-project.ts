// A small project of one base image and three flows on it, and random changes to it, each with the targets whose images
// it makes stale. No step of its Dockerfiles runs a program, so that a real build takes half a second.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { checkout } from './checkout.ts'

/** Of every image that is made here, to find them again. */
export const corpusLabel = 'org.flowkeep.test.corpus'

export const upstreamImage = 'flowkeep-corpus-upstream:1'
export const targetNames = ['base', 'a', 'b', 'c'] as const
export const imageOf = (target: string, tag: string) => `flowkeep-corpus-${target}:${tag}`

const ignoreFile = `
# Nothing but this:
*
!src
!flows
!assets/*.json
!tools
!LICENSE
**/*.md
!src/keep.md
**/__pycache__
src/private*
`

const dockerfiles: Readonly<Record<string, string>> = {
  base: `# The base.
ARG UPSTREAM=${upstreamImage}
FROM \${UPSTREAM} AS debug
COPY tools /tools
LABEL debug=1

FROM scratch AS bundle
COPY LICENSE src ./
COPY --chmod=644 assets/*.json assets/

FROM \${UPSTREAM}
COPY --from=bundle / /app/
ENV A=1 \\
    # within an instruction
    B=2
ARG VERSION=0
LABEL version=$VERSION ${corpusLabel}=1
`,
  a: `FROM base\nCOPY flows/a/code /opt/a\nCOPY flows/shared /opt/shared\n`,
  b: `FROM base\nCOPY flows/b /opt/b\nCOPY flows/shared /opt/shared\n`,
  c: `FROM base\nADD ["flows/c", "/opt/c/"]\n`,
}

const files: Readonly<Record<string, string>> = {
  '.dockerignore': ignoreFile,
  'package.json': '{\n  "version": "0.1.0",\n}\n',
  LICENSE: 'Free.\n',
  'README.md': 'Read.\n',
  'src/main.ts': 'main()\n',
  'src/deep/er/util.ts': 'util()\n',
  'src/keep.md': 'kept\n',
  'src/notes.md': 'not kept\n',
  'src/private.key': 'secret\n',
  'src/__pycache__/main.pyc': 'code\n',
  'assets/a.json': '{}\n',
  'assets/a.txt': 'text\n',
  'tools/debug.sh': 'debug\n',
  'docs/page.md': 'page\n',
  'flows/a/code/main.py': 'a()\n',
  'flows/a/tests/test.py': 'test()\n',
  'flows/b/main.py': 'b()\n',
  'flows/c/main.py': 'c()\n',
  'flows/shared/common.py': 'common()\n',
  ...Object.fromEntries(
    Object.entries(dockerfiles).map(([name, text]) => [`images/Dockerfile.${name}`, text]),
  ),
}

/** The same as docker-bake.hcl below, as bake prints it. */
export function bakePrint(tag: string, args: Readonly<Record<string, string>>, labels: object): string {
  const target = Object.fromEntries(
    targetNames.map((name) => [
      name,
      {
        context: '.',
        dockerfile: `images/Dockerfile.${name}`,
        args,
        ...(name !== 'base' && { contexts: { base: 'target:base' } }),
        ...(name === 'b' && { labels }),
        tags: [imageOf(name, tag)],
        secret: ['id=ca,src=/etc/ssl/certs/ca-certificates.crt'],
      },
    ]),
  )
  return JSON.stringify({ group: { default: { targets: targetNames } }, target })
}

const bakeFile = `
variable "TAG" { default = "1" }
variable "VERSION" { default = "0" }
variable "UNUSED" { default = "0" }
variable "NOTE" { default = "" }
group "default" { targets = ["base", "a", "b", "c"] }
target "common" {
  context = "."
  args = { VERSION = VERSION, UNUSED = UNUSED }
}
${targetNames
  .map(
    (name) => `target "${name}" {
  inherits = ["common"]
  dockerfile = "images/Dockerfile.${name}"
  tags = ["flowkeep-corpus-${name}:\${TAG}"]
  ${name === 'base' ? '' : 'contexts = { base = "target:base" }'}
  ${name === 'b' ? 'labels = { note = NOTE }' : ''}
}`,
  )
  .join('\n')}
`

export function writeProject(root: string): void {
  for (const [path, text] of Object.entries({ ...files, 'images/docker-bake.hcl': bakeFile })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const script of ['images/build-all.sh', 'images/build-secrets.sh']) {
    copyFileSync(join(checkout, script), join(root, script))
  }
}

export interface Change {
  readonly what: string
  /** The targets whose images differ after it. */
  readonly stale: readonly string[]
}

const all = ['base', 'a', 'b', 'c']
/** Folders, how a new file in them is called, and whose images it is part of. */
const places: readonly (readonly [folder: string, suffix: string, stale: readonly string[]])[] = [
  ['src', '.ts', all],
  ['src/deep/er', '.ts', all],
  ['src/new/folder', '.ts', all],
  ['src', '.md', []],
  ['src/__pycache__', '.pyc', []],
  ['assets', '.json', all],
  ['assets', '.txt', []],
  ['tools', '.sh', []],
  ['docs', '.ts', []],
  ['flows/a/code', '.py', ['a']],
  ['flows/a/tests', '.py', []],
  ['flows/b', '.py', ['b']],
  ['flows/b', '.md', []],
  ['flows/c/sub', '.csv', ['c']],
  ['flows/shared', '.py', ['a', 'b']],
]
const edits: readonly (readonly [path: string, text: string, stale: readonly string[]])[] = [
  ['images/Dockerfile.base', '# Another remark.\n', []],
  ['images/Dockerfile.base', 'LABEL step="%"\n', all],
  ['images/Dockerfile.b', 'ENV STEP=%\n', ['b']],
  ['images/Dockerfile.c', '\n   # and so on\n\n', []],
  ['src/keep.md', '%\n', all],
  ['src/private.key', '%\n', []],
  ['LICENSE', '%\n', all],
  ['README.md', '%\n', []],
  ['.dockerignore', '# %\n', []],
]
const settings: readonly (readonly [name: string, stale: readonly string[]])[] = [
  ['VERSION', all],
  ['UNUSED', []],
  ['NOTE', ['b']],
]

/** Makes one change to the project, drawn by `random`; `set` changes a variable of the bake file. */
export function changeProject(
  root: string,
  number: number,
  random: () => number,
  set: (name: string, value: string) => void,
): Change {
  const pick = <T>(list: readonly T[]) => list[Math.floor(random() * list.length)] as T
  const kind = random()
  if (kind < 0.15) {
    const [path, text, stale] = pick(edits)
    write(path, readFileSync(join(root, path), 'utf8') + text.replaceAll('%', String(number)))
    return { what: `${path} ${JSON.stringify(text)}`, stale }
  }
  if (kind < 0.25) {
    const [name, stale] = pick(settings)
    set(name, String(number))
    return { what: `${name}=${number}`, stale }
  }
  const [folder, suffix, stale] = pick(places)
  const present = (existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : []).filter(
    (name) => name.endsWith(suffix) && name !== 'keep.md',
  )
  const existing = present.length > 0 ? `${folder}/${pick(present)}` : undefined
  if (existing === undefined || kind < 0.5) {
    const path = `${folder}/new${number}${suffix}`
    write(path, `${number}\n`)
    return { what: `+ ${path}`, stale }
  }
  if (kind < 0.65) {
    write(existing, `${number}\n`)
    return { what: `~ ${existing}`, stale }
  }
  // A COPY whose pattern matches nothing any more is an error, not a change.
  if (kind < 0.75 && present.length > 1) {
    rmSync(join(root, existing))
    return { what: `- ${existing}`, stale }
  }
  if (kind < 0.85) {
    const to = `${folder}/moved${number}${suffix}`
    renameSync(join(root, existing), join(root, to))
    return { what: `${existing} → ${to}`, stale }
  }
  if (kind < 0.93) {
    chmodSync(join(root, existing), 0o600 + (number % 0o100))
    // COPY --chmod gives every file the same permissions.
    return { what: `chmod ${existing}`, stale: folder === 'assets' ? [] : stale }
  }
  utimesSync(join(root, existing), number, number)
  return { what: `touch ${existing}`, stale: [] }

  function write(path: string, text: string): void {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
}
