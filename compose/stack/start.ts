// `npm start [-- --build] [-- --without-monitoring]`: brings the whole stack up, from whatever is there.

import { parseArgs } from 'node:util'
import { checkEngine } from './engine.ts'
import { ask, show } from './execute.ts'
import { ensureImages } from './images.ts'
import { checkPorts } from './ports.ts'
import { exitCode, Problem } from './problem.ts'
import { compose, pagesOf, portOf, secretsDirectory } from './project.ts'
import { ensureSecrets } from './secrets.ts'
import { listServices, troubles } from './services.ts'

const usage = `usage: npm start [-- OPTION…]
  --prepare              make the passwords and the missing images, and start nothing
  --build                build the images also where they are there
  --without-monitoring   no Prometheus, no Alertmanager
Ports: HAPROXY_PORT, PREFECT_PORT, PROMETHEUS_PORT, ALERTMANAGER_PORT. FLOW1_INPUT: the directory of flow1's files.`
const healthySecondsMax = 600

interface Options {
  readonly prepare: boolean
  readonly build: boolean
  readonly monitoring: boolean
}

async function start({ prepare, build, monitoring }: Options): Promise<void> {
  await checkEngine()
  const running = await listServices()
  const databaseVolume = await ask('docker', ['volume', 'inspect', 'flowkeep_postgres-data'])
  if (ensureSecrets(secretsDirectory, databaseVolume.code === 0)) {
    console.error('compose/secrets: passwords made up')
  }
  const pages = pagesOf(monitoring)
  // The flows send their alerts there.
  if (monitoring) process.env['FLOWKEEP_ALERTMANAGER_URL'] ??= 'http://alertmanager:9093'
  const held = new Set(
    running.filter(({ State }) => State === 'running').map((container) => container.Service),
  )
  if (!prepare) await checkPorts(pages, held, process.env)
  await ensureImages(monitoring, build)
  if (prepare) return
  const up = ['up', '--wait', '--wait-timeout', String(healthySecondsMax), '--remove-orphans']
  if ((await show('docker', compose(monitoring, ...up))) !== 0) throw await describeFailure()
  console.log(`The stack is up.\n`)
  for (const page of pages) {
    console.log(
      `${page.title.padEnd(14)} http://127.0.0.1:${await publishedPort(page.service, page.port)}${page.path}`,
    )
  }
  console.log('\nnpm stop ends it and keeps its data; npm stop -- --volumes removes the data too.')

  async function publishedPort(service: string, port: number): Promise<string> {
    const { stdout } = await ask('docker', compose(monitoring, 'port', service, String(port)))
    const page = pages.find((candidate) => candidate.service === service)
    return stdout.trim().split(':').at(-1) || String(page ? portOf(page, process.env) : port)
  }
}

async function describeFailure(): Promise<Problem> {
  const found = troubles(await listServices())
  const [first] = found
  const service = first?.split(' ')[0]
  return new Problem(
    `the stack did not become healthy: ${found.join(', ') || 'what Compose says stands above'}. ${
      service ? `docker logs --tail 50 ${service} says why` : ''
    }`.trim(),
    exitCode.unavailable,
  )
}

function optionsOf(args: readonly string[]): Options | 'help' | undefined {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        prepare: { type: 'boolean', default: false },
        build: { type: 'boolean', default: false },
        'without-monitoring': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    })
    return values.help
      ? 'help'
      : { prepare: values.prepare, build: values.build, monitoring: !values['without-monitoring'] }
  } catch (error) {
    console.error((error as Error).message)
    return undefined
  }
}

const options = optionsOf(process.argv.slice(2))
if (options === 'help') console.log(usage)
else if (options === undefined) {
  console.error(usage)
  process.exitCode = exitCode.usage
} else {
  try {
    await start(options)
  } catch (error) {
    if (!(error instanceof Problem)) throw error
    console.error(`npm start: ${error.message}`)
    process.exitCode = error.exitCode
  }
}
