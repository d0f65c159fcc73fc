// `npm start [-- --build] [-- --without-monitoring]`: brings the whole stack up, from whatever is there.

import { parseArgs } from 'node:util'
import { FlowkeepError } from '../../supervisor/core/errors.ts'
import { capture, show } from '../host/run.ts'
import { lastWords } from '../operate/last-words.ts'
import { composeArguments, type Project } from '../operate/project.ts'
import { look, troublesOf } from '../operate/status-command.ts'
import { orExplain, usageExit } from './exit.ts'
import { prepareStack } from './prepare.ts'
import { pages, pagesOf, portOf } from './project.ts'

const usage = `usage: npm start [-- OPTION…]
  --prepare              make the passwords and the missing images, and start nothing
  --build                build the images also where they are there
  --without-monitoring   no Prometheus, no Alertmanager

Variables:
${pages.map(({ variable, port, title }) => `  ${variable.padEnd(22)} port of ${title} on 127.0.0.1 (${port})`).join('\n')}
  FLOW1_INPUT            directory of the CSV files that flow1 stores (a small sample)
  FLOW2_INPUT            directory of the lists that flow2 judges (a small sample)
  FLOW3_ORDERS           how many orders are made up for flow3 (1000), from the seed FLOW3_SEED (1)`
const healthySecondsMax = 600
const wordsShown = 5

interface Options {
  readonly prepare: boolean
  readonly build: boolean
  readonly monitoring: boolean
}

async function start({ prepare, build, monitoring }: Options): Promise<void> {
  const project = await prepareStack({ monitoring, rebuild: build, ports: !prepare })
  if (prepare) return
  const up = ['up', '--wait', '--wait-timeout', String(healthySecondsMax), '--remove-orphans']
  if ((await show('docker', composeArguments(project, up))) !== 0) throw await failureOf(project)
  console.log('The stack is up.\n')
  for (const page of pagesOf(monitoring)) {
    const { stdout } = await capture(
      'docker',
      composeArguments(project, ['port', page.service, String(page.port)]),
    )
    // Also where any free one was asked for.
    const port = stdout.trim().split(':').at(-1) || portOf(page, process.env)
    console.log(`${page.title.padEnd(14)} http://127.0.0.1:${port}${page.path}`)
  }
  console.log(
    '\nnpx flowkeepctl status shows how it is. npm stop ends it and keeps its data; npm stop -- --volumes removes the data too.',
  )
}

async function failureOf(project: Project): Promise<FlowkeepError> {
  const replicas = await look(project)
  const troubles = troublesOf(replicas)
  const first = replicas.find(({ container }) => troubles[0]?.startsWith(container.name))?.container
  const words = first ? (await lastWords(first.id, wordsShown)).replace(/^/gm, '    ') : ''
  return new FlowkeepError('tool_failed', {
    operation: 'the stack did not become healthy',
    subject: 'docker compose up',
    message: [troubles.join('; ') || 'what Compose says stands above', words].filter(Boolean).join('\n'),
    hint: first
      ? `npx flowkeepctl logs ${first.service} has all of it. Once it is mended, npm start goes on from here.`
      : 'Once it is mended, npm start goes on from here.',
  })
}

const spec = {
  prepare: { type: 'boolean', default: false },
  build: { type: 'boolean', default: false },
  'without-monitoring': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const

try {
  const { values } = parseArgs({ options: spec })
  if (values.help) console.log(usage)
  else {
    const { prepare, build } = values
    await orExplain('npm start', () => start({ prepare, build, monitoring: !values['without-monitoring'] }))
  }
} catch (error) {
  if (!(error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')) throw error
  usageExit(usage, (error as Error).message)
}
