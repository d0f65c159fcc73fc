import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { causesOf, decide, keyOf, type Made } from '../../../compose/build/decide.ts'
import { dependenciesOf } from '../../../compose/build/dockerfile.ts'
import { readGraph } from '../../../compose/build/graph.ts'
import { parseIgnoreFile } from '../../../compose/build/ignore-file.ts'
import { describe, missingFrom, readInputs } from '../../../compose/build/inputs.ts'
import { bakePrint, imageOf, targetNames, writeProject } from '../../harness/build-project.ts'

function project(t: Test) {
  const root = t.testdir({})
  writeProject(root)
  const images = new Map(targetNames.map((name) => [imageOf(name, '1'), `sha256:${name}`]))
  const made = new Map<string, Made>()
  const inputs = () => {
    const graph = readGraph(bakePrint('1', { VERSION: '0' }, {}))
    return { graph, inputs: readInputs(describe(graph, root), root, (name) => images.get(name)) }
  }
  const look = () => {
    const view = inputs()
    return decide(view.graph, view.inputs, made, (name) => images.get(name))
  }
  const causes = () => causesOf(look()).map(({ text, targets }) => `${text} → ${targets.join(', ')}`)
  const build = () => {
    for (const { target, tags, inputs } of look()) {
      made.set(keyOf(target, tags), { inputs, image: images.get(imageOf(target, '1')) ?? '', at: '' })
    }
  }
  return { root, images, causes, build, inputs }
}

t.test('R4.3 R4.4 the reason names what changed and every image that it makes anew', async (t) => {
  const { root, causes, build } = project(t)
  build()
  t.same(causes(), [])
  writeFileSync(join(root, 'src/main.ts'), 'other()\n')
  writeFileSync(join(root, 'flows/b/more.py'), 'more()\n')
  rmSync(join(root, 'flows/c/main.py'))
  t.same(causes(), [
    'src/main.ts changed → base, a, b, c',
    'flows/b/more.py is new → b',
    'flows/c/main.py is no longer part of it → c',
  ])
})

t.test(
  'R5.6 an image that was removed or retagged by hand is noticed, and flows are not dragged along',
  async (t) => {
    const { images, causes, build } = project(t)
    build()
    images.delete(imageOf('base', '1'))
    images.set(imageOf('c', '1'), 'sha256:other')
    t.same(causes(), [
      `the image ${imageOf('base', '1')} is gone → base`,
      `the image ${imageOf('c', '1')} is not the one that was built → c`,
    ])
  },
)

t.test('R4.3 a path that COPY names and .dockerignore keeps out is found before the build', async (t) => {
  const { root, inputs } = project(t)
  writeFileSync(
    join(root, 'images/Dockerfile.a'),
    'FROM base\nCOPY docs/page.md nowhere/*.py /\nCOPY flows/a /\n',
  )
  const own = inputs().inputs.get('a')
  t.same(own && missingFrom(own), ['docs/page.md', 'nowhere/*.py'])
})

t.test('R4.3 what a Dockerfile depends on', async (t) => {
  const { sources, images, contexts, args, recipe } = dependenciesOf(
    [
      '# syntax=example/frontend:1',
      'ARG FLAVOUR=slim',
      'FROM python:$FLAVOUR AS python',
      'COPY --from=tools:1 /x /y',
      'FROM node AS never',
      'COPY never /',
      'FROM scratch AS files',
      'ARG FOLDER=src',
      `COPY --chown=1:1 \${FOLDER}/a "b c" /to/`,
      'COPY ["d e", "f", "/to/"]',
      'COPY $UNKNOWN/g /to/',
      'COPY <<-EOF /inline',
      '\tCOPY not/an/instruction /',
      '\tEOF',
      'FROM base',
      'COPY --from=files / /',
      'COPY --from=0 /venv /venv',
      'COPY --from=extra data /data',
      'RUN --mount=type=bind,source=scripts,target=/s --mount=type=cache,target=/c \\',
      '    # a remark',
      '    --mount=from=mounted:2,target=/m /s/run.sh',
      'ADD https://example.org/x.tar h.tar /',
    ].join('\n'),
    { args: new Map([['FOLDER', 'lib']]), stage: undefined, contexts: new Set(['base', 'extra', 'unused']) },
  )
  t.same(sources.map(({ context, path }) => (context ? `${context}:${path}` : path)).sort(), [
    '.',
    'b c',
    'd e',
    'extra:data',
    'f',
    'h.tar',
    'lib/a',
    'scripts',
  ])
  t.same([...images].sort(), ['example/frontend:1', 'mounted:2', 'python:slim', 'tools:1'])
  t.same([...contexts].sort(), ['base', 'extra'])
  t.same([...args].sort(), ['FLAVOUR', 'FOLDER'])
  t.notMatch(recipe, /never|remark/)
  t.match(recipe, /COPY not\/an\/instruction/)
})

t.test(
  'R4.3 .dockerignore: the last pattern that matches a path or one of its folders decides',
  async (t) => {
    const { ignores, mayKeepBelow } = parseIgnoreFile(
      '# remark\n*\n!src\n/src/tmp\n!src/tmp/kept\n**/*.md\n!LICENSE\nsrc/?.log\nsrc/[a-c].txt\n  \n!./a/../docs/**/x',
    )
    const ignored = [
      'README',
      'src/tmp',
      'src/tmp/a',
      'src/deep/x.md',
      'src/a.log',
      'src/b.txt',
      'docs',
      'docs/y',
    ]
    const kept = [
      'src',
      'src/a',
      'src/tmp/kept/b',
      'LICENSE',
      'src/aa.log',
      'src/d.txt',
      'docs/x',
      'docs/1/2/x',
    ]
    t.same([...ignored, ...kept].filter(ignores), ignored)
    t.ok(mayKeepBelow('src/tmp'))
    t.ok(mayKeepBelow('docs/1'))
    t.notOk(mayKeepBelow('node_modules'))
  },
)

t.test('R4.3 an empty folder, a link and its target are part of an image as they are', async (t) => {
  const { root, causes, build } = project(t)
  build()
  mkdirSync(join(root, 'flows/a/code/empty'))
  t.same(causes(), ['flows/a/code/empty is new → a'])
})
