// Two hundred random changes to a small project: which images are to be built after each of them.

import t from 'tap'
import { decide, keyOf, type Made } from '../../../compose/build/decide.ts'
import { readGraph } from '../../../compose/build/graph.ts'
import { describe, readInputs } from '../../../compose/build/inputs.ts'
import {
  bakePrint,
  changeProject,
  imageOf,
  targetNames,
  upstreamImage,
  writeProject,
} from '../../harness/build-project.ts'
import { seededRandom } from '../../harness/seeded-random.ts'

const changes = 200

t.test(
  'R4.3 R4.4 R5.6 after 200 random changes no image is stale, and almost none is built needlessly',
  async (t) => {
    const root = t.testdir({})
    writeProject(root)
    const random = seededRandom(20_261_128)
    const variables: Record<string, string> = { VERSION: '0', UNUSED: '0', NOTE: '' }
    const images = new Map([
      [upstreamImage, 'upstream 0'],
      ...targetNames.map((name) => [imageOf(name, '1'), name] as const),
    ])
    const made = new Map<string, Made>()
    const look = () => {
      const { NOTE, ...args } = variables
      const graph = readGraph(bakePrint('1', args, { note: NOTE }))
      const imageId = (name: string) => images.get(name)
      return decide(graph, readInputs(describe(graph, root), root, imageId), made, imageId)
    }
    const build = () => {
      for (const { target, tags, inputs } of look()) {
        const image = images.get(imageOf(target, '1')) as string
        made.set(keyOf(target, tags), { inputs, image, at: '' })
      }
    }
    const due = () => look().flatMap(({ target, reasons }) => (reasons.length > 0 ? [target] : []))

    t.same(due(), targetNames, 'everything is built once')
    build()
    t.same(due(), [], 'and then nothing')

    const stale: string[] = []
    const needless: string[] = []
    for (let number = 1; number <= changes; number++) {
      const outside = random()
      let change: { what: string; stale: readonly string[] }
      if (outside < 0.03) {
        images.set(upstreamImage, `upstream ${number}`)
        change = { what: 'another upstream image', stale: targetNames }
      } else
        change = changeProject(root, number, random, (name, value) => {
          variables[name] = value
        })
      const found = due()
      const missed = change.stale.filter((name) => !found.includes(name))
      const extra = found.filter((name) => !change.stale.includes(name))
      if (missed.length > 0) stale.push(`${change.what}: ${missed}`)
      if (extra.length > 0) needless.push(`${change.what}: ${extra}`)
      build()
    }
    t.same(stale, [], 'stale images')
    t.ok(needless.length <= changes * 0.02, `needless builds: ${needless.join('; ')}`)
  },
)
