// `flowkeepctl dev` on a small project of its own: a flow whose code is mounted, on a base that is built.

import { copyFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { dirname, join } from 'node:path'
import t from 'tap'
import { type DevPlace, runDev } from '../../compose/dev/dev-command.ts'
import type { Terminal } from '../../compose/host/terminal.ts'
import { checkout } from '../harness/checkout.ts'
import { docker, tryDocker } from '../harness/docker.ts'
import { ownContainers, ownerLabel, ownLabels } from '../harness/docker-owner.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import { until } from '../harness/until.ts'

const imageLabel = 'org.flowkeep.test.dev'
const name = `flowkeep-dev-${process.pid}`
const root = t.testdir({ project: {}, cache: {} })
const project = join(root, 'project')
const write = (path: string, text: string) => {
  mkdirSync(dirname(join(project, path)), { recursive: true })
  writeFileSync(join(project, path), text)
}
const labels = `labels: { ${ownerLabel}: "${ownLabels[ownerLabel]}" }`
const main = (word: string) =>
  `import time\nfrom flow.word import WORD\nprint(WORD, "${word}", flush=True)\ntime.sleep(600)\n`
const files = ['compose.yaml', 'compose.dev.yaml'].map((path) => join(project, path))

function writeProject(): void {
  write(
    'images/docker-bake.hcl',
    `
    variable "VERSION" { default = "0" }
    group "default" { targets = ["base", "flow"] }
    target "base" {
      dockerfile = "Dockerfile.base"
      tags = ["${name}-base:1"]
      labels = { "${imageLabel}" = "${process.pid}" }
    }
    target "flow" {
      dockerfile = "Dockerfile.flow"
      tags = ["${name}-flow:1"]
      contexts = { base = "target:base" }
    }
  `,
  )
  for (const script of ['build-all.sh', 'build-secrets.sh']) {
    copyFileSync(join(checkout, 'images', script), join(project, 'images', script))
  }
  write('package.json', '{\n  "version": "0.1.0",\n}\n')
  write('Dockerfile.base', `FROM ${baseImage}\nCOPY core /opt/core\n`)
  write(
    'Dockerfile.flow',
    'FROM base\nCOPY flow /opt/code/flow\nENV PYTHONPATH=/opt/code CONTAINER_FLOW_NAME=flow\nCMD ["python", "-m", "flow.main"]\n',
  )
  write('core/core.txt', 'core\n')
  write('flow/__init__.py', '')
  write('flow/word.py', 'WORD = "said"\n')
  write('flow/main.py', main('one'))
  write(
    'compose.yaml',
    `
services:
  flow: { image: "${name}-flow:1", ${labels}, read_only: true, cap_drop: [ALL], tmpfs: ["/run:mode=1777", "/tmp:mode=1777", "/var/lib/flowkeep:mode=1777"], environment: { CONTAINER_SECURITY_ENFORCE: "off", CONTAINER_FLOW_READY_AFTER: 200ms } }
  bystander: { image: "${baseImage}", ${labels}, command: [sleep, "600"], environment: { CONTAINER_FLOW_NAME: x, CONTAINER_SECURITY_ENFORCE: "off" } }
networks: { default: { ${labels} } }
`,
  )
  write('compose.dev.yaml', 'services:\n  flow: { volumes: ["./flow:/opt/code/flow:ro"] }\n')
}

const said: string[] = []
const terminal: Terminal = {
  look: { color: false, width: 120 },
  isWatched: false,
  json: false,
  print(text) {
    said.push(text)
    if (text.startsWith('Ready: flow ')) wake()
  },
  say: (text) => void said.push(text),
  status: () => {},
}
let wake = () => {}
const stop = new AbortController()
let devPlace: DevPlace
let ended: Promise<number> | undefined

const compose = (...args: string[]) => [
  'compose',
  ...files.flatMap((file) => ['--file', file]),
  '--project-name',
  name,
  ...args,
]
const idOf = async (service: string) => (await docker(compose('ps', '--quiet', service))).trim()
const imageOf = (target: string) => docker(['image', 'inspect', '--format', '{{.Id}}', `${name}-${target}:1`])
const logs = () => docker(compose('logs', '--no-log-prefix', 'flow'))

async function save(path: string, text: string): Promise<void> {
  const handled = new Promise<void>((resolve) => {
    wake = resolve
  })
  // In one step, as editors do: on a busy machine an empty file and its content could be two saves.
  write(`${path}.tmp`, text)
  renameSync(join(project, `${path}.tmp`), join(project, path))
  await handled
}

t.before(async () => {
  await ownContainers()
  await buildImages()
  writeProject()
  devPlace = {
    root: project,
    cacheDirectory: join(root, 'cache'),
    now: () => new Date().toISOString(),
    project: { files, name },
  }
  const ready = new Promise<void>((resolve) => {
    wake = resolve
  })
  ended = runDev(devPlace, terminal, stop.signal, () => wake())
  ended.catch(() => {})
  await Promise.race([ready, ended])
})

t.teardown(async () => {
  stop.abort()
  await ended?.catch(() => {})
  await tryDocker(compose('down', '--volumes', '--timeout', '1'))
  await tryDocker(['image', 'rm', '--force', `${name}-flow:1`, `${name}-base:1`])
  await tryDocker(['image', 'prune', '--force', '--filter', `label=${imageLabel}=${process.pid}`])
})

t.test('R4.5 a saved line of a flow runs in the same container, and no image is built', async (t) => {
  const [container, image] = [await idOf('flow'), await imageOf('flow')]
  await save('flow/main.py', main('two'))
  t.match(await logs(), 'said two')
  t.match(said.at(-1), /^flow\/main\.py → .*-flow-1 runs it after \d+\.\d s$/)
  await save('flow/word.py', 'WORD = "whispered"\n')
  t.match(await logs(), 'whispered two')
  t.same([await idOf('flow'), await imageOf('flow')], [container, image])
})

t.test(
  'R4.5 a flow that does not import is told with its traceback, and runs once it is mended',
  async (t) => {
    await save('flow/word.py', 'WORD = missing\n')
    t.match(
      said.at(-1),
      /flow\/word\.py → .*-flow-1 does not run; mend it and save[\s\S]*NameError: name 'missing'/,
    )
    await save('flow/word.py', 'WORD = "shouted"\n')
    t.match(said.at(-1), /runs it after/)
    t.match(await logs(), 'shouted two')
  },
)

t.test(
  'R4.3 R4.5 a change below rebuilds base and flow and replaces their containers, and nothing else',
  async (t) => {
    const before = {
      flow: await idOf('flow'),
      bystander: await idOf('bystander'),
      image: await imageOf('flow'),
    }
    for (const text of ['other\n', 'another\n', 'a third\n']) await save('core/core.txt', text)
    t.match(said.at(-1), /^core\/core\.txt → built and running in/)
    t.equal(await docker(['exec', await idOf('flow'), 'cat', '/opt/core/core.txt']), 'a third')
    t.not(await idOf('flow'), before.flow)
    t.not(await imageOf('flow'), before.image)
    t.equal(await idOf('bystander'), before.bystander)
    t.match(await logs(), 'shouted two', 'the code is still that of the checkout')
    const nameless = await docker([
      'image',
      'ls',
      '--quiet',
      '--filter',
      'dangling=true',
      '--filter',
      `label=${imageLabel}=${process.pid}`,
    ])
    t.equal(nameless, '', 'images that were replaced do not pile up')
  },
)

t.test(
  'R4.5 a Dockerfile that cannot be built is told, the containers go on, and mending it is enough',
  async (t) => {
    const before = await idOf('flow')
    await save('Dockerfile.base', 'FORM x\n')
    t.match(said.at(-1), /cannot build base[\s\S]*unknown instruction/i)
    t.equal(await idOf('flow'), before)
    await save('Dockerfile.base', `FROM ${baseImage}\nCOPY core /opt/core2\n`)
    t.match(said.at(-1), /^Dockerfile\.base → built and running in/)
  },
)

t.test(
  'R4.5 both debuggers answer on the loopback of the host, and listen on no other address',
  async (t) => {
    stop.abort()
    await ended
    const again = new AbortController()
    const ready = new Promise<void>((resolve) => {
      wake = resolve
    })
    const place = { ...devPlace, debug: 'flow' }
    const running = runDev(place, terminal, again.signal)
    running.catch(() => {})
    await Promise.race([ready, running])
    t.teardown(async () => {
      again.abort()
      await running
    })
    const targets = await (await fetch('http://127.0.0.1:9229/json/list')).json()
    t.match(targets, [{ url: /flowkeep\.cjs$/ }])
    t.match(
      await until(
        'debugpy answers',
        () => initialize(5678),
        (text) => text !== '',
      ),
      /"command": ?"initialize"[\s\S]*"success": ?true|"success": ?true[\s\S]*"command": ?"initialize"/,
    )
    const sockets = await docker(['exec', await idOf('flow'), 'cat', '/proc/net/tcp', '/proc/net/tcp6'])
    const listening = [...sockets.matchAll(/^ *\d+: ([0-9A-F]+):([0-9A-F]{4}) \S+ 0A/gm)]
    for (const port of ['240D', '162E']) {
      const addresses = listening.filter(([, , each]) => each === port).map(([, address]) => address)
      t.same(addresses, ['0100007F'], `port ${Number.parseInt(port, 16)}`)
    }
  },
)

/** Asks a debugger as an editor does (Debug Adapter Protocol) and gives what it answers first. */
async function initialize(port: number): Promise<string> {
  const body = JSON.stringify({
    seq: 1,
    type: 'request',
    command: 'initialize',
    arguments: { adapterID: 'test' },
  })
  const socket = connect(port, '127.0.0.1')
  socket.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  let text = ''
  for await (const chunk of socket) {
    text += chunk
    if (text.includes('"initialize"')) break
  }
  socket.destroy()
  return text
}
