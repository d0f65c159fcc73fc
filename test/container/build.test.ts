// Random changes to a small project, each built by `flowkeepctl build` and then, under another tag, by bake alone, which
// looks at everything: what comes out there is what should be here. FLOWKEEP_BUILD_CHANGES=200 makes it the long form.

import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { type BuildOptions, runBuild } from '../../compose/build/build-command.ts'
import { imageIds } from '../../compose/build/engine-images.ts'
import { readHistory } from '../../compose/build/history.ts'
import type { Terminal } from '../../compose/host/terminal.ts'
import {
  changeProject,
  corpusLabel,
  imageOf,
  targetNames,
  upstreamImage,
  writeProject,
} from '../harness/build-project.ts'
import { docker, execute, tryDocker } from '../harness/docker.ts'
import { seededRandom } from '../harness/seeded-random.ts'

const changes = Number(process.env['FLOWKEEP_BUILD_CHANGES'] ?? 10)
const root = t.testdir({ project: {}, cache: {} })
const project = join(root, 'project')
const place = { root: project, cacheDirectory: join(root, 'cache'), now: () => new Date().toISOString() }
const options: BuildOptions = { targets: [], dryRun: false, cache: true, pull: false, push: false }
const tags = ['1', 'truth']
const namesOf = (tag: string) => targetNames.map((target) => imageOf(target, tag))
const idsOf = async (tag: string) => {
  const ids = await imageIds(namesOf(tag))
  return namesOf(tag).map((name) => ids.get(name))
}

interface Told {
  readonly built: boolean
  readonly targets: readonly { target: string; action: string; reasons: object[] }[]
  readonly steps: { readonly all: number; readonly cached: number }
}

async function build(more: Partial<BuildOptions> = {}): Promise<Told> {
  let told = ''
  const terminal: Terminal = {
    look: { color: false, width: 120 },
    isWatched: false,
    json: true,
    print: (text) => {
      told += text
    },
    say: () => {},
    status: () => {},
  }
  await runBuild(place, { ...options, ...more }, terminal)
  return JSON.parse(told) as Told
}

const builtBy = ({ targets }: Told) =>
  targets.flatMap(({ target, action }) => (action === 'build' ? [target] : []))

/** What bake makes of the project as it is now, everything looked at. */
async function truth(): Promise<void> {
  const { code, stderr } = await execute(join(project, 'images/build-all.sh'), [], { TAG: 'truth' })
  if (code !== 0) throw new Error(stderr)
}

async function importUpstream(number: number): Promise<void> {
  const directory = t.testdirName
  const name = `upstream-${number}`
  writeFileSync(join(directory, name), `${number}\n`)
  const tar = await execute('tar', ['-C', directory, '-cf', join(directory, 'upstream.tar'), name])
  if (tar.code !== 0) throw new Error(tar.stderr)
  await docker(['import', join(directory, 'upstream.tar'), upstreamImage])
}

t.before(async () => {
  writeProject(project)
  await importUpstream(0)
})

t.teardown(async () => {
  await tryDocker(['image', 'rm', '--force', upstreamImage, ...tags.flatMap(namesOf)])
  await tryDocker(['image', 'prune', '--force', '--filter', `label=${corpusLabel}`])
})

t.test('R4.3 R4.4 after random changes no image is stale, and almost none is built needlessly', async (t) => {
  t.same(builtBy(await build()), [...targetNames], 'everything is built once')
  const first = await idsOf('1')
  t.same(builtBy(await build()), [], 'and then nothing')
  t.same(await idsOf('1'), first, 'and the images are those of before')

  const random = seededRandom(4_711)
  const [stale, needless]: [string[], string[]] = [[], []]
  let [builds, before] = [0, first]
  for (let number = 1; number <= changes; number++) {
    let what = 'another upstream image'
    if (random() < 0.04) await importUpstream(number)
    else {
      const set = (name: string, value: string) => {
        process.env[name] = value
      }
      what = changeProject(project, number, random, set).what
    }
    const built = builtBy(await build())
    await truth()
    const [ours, theirs] = [await idsOf('1'), await idsOf('truth')]
    builds += built.length
    for (const [index, target] of targetNames.entries()) {
      if (ours[index] !== theirs[index]) stale.push(`${what}: ${target}`)
      if (built.includes(target) && ours[index] === before[index]) needless.push(`${what}: ${target}`)
    }
    before = ours
  }
  t.comment(
    `${changes} changes, ${builds} images built, ${needless.length} needlessly, ${stale.length} stale`,
  )
  t.same(stale, [], 'stale images')
  t.ok(needless.length <= Math.max(1, builds * 0.03), `needlessly built: ${needless.join('; ')}`)
  t.equal(readHistory(place.cacheDirectory).length <= changes + 1, true, 'only builds are written down')
})

t.test('R5.6 an image that was removed or retagged by hand is built again, and no other', async (t) => {
  await build()
  const before = await idsOf('1')
  await docker(['image', 'rm', '--force', imageOf('a', '1')])
  await docker(['tag', upstreamImage, imageOf('c', '1')])
  t.same(builtBy(await build()), ['a', 'c'])
  t.same(await idsOf('1'), before)
})

t.test(
  'R4.3 a Dockerfile with an error ends in one message that names the step, and changes no image',
  async (t) => {
    const before = await idsOf('1')
    const path = join(project, 'images/Dockerfile.b')
    const good = readFileSync(path, 'utf8')
    appendFileSync(path, 'COPPY x y\n')
    const parse = { code: 'build_failed', message: /unknown instruction: COPPY/i, hint: /Dockerfile/ }
    await t.rejects(build(), parse)
    writeFileSync(path, `${good}RUN ["/nothing"]\n`)
    await t.rejects(build(), { code: 'build_failed', message: /RUN \["\/nothing"\]/ })
    writeFileSync(path, `${good}COPY docs /\n`)
    await t.rejects(build(), {
      code: 'build_failed',
      message: /copies docs, and the build would find nothing/,
    })
    t.same(await idsOf('1'), before)
    writeFileSync(path, good)
    t.same(builtBy(await build()), [], 'and nothing is due when it is as it was')
    await t.rejects(build({ targets: ['nope'] }), {
      code: 'usage',
      message: /no target nope/,
      hint: /base, a, b, c/,
    })
  },
)
