// What the images are made of, and what must not be in them.

import { readFileSync } from 'node:fs'
import t from 'tap'
import { checkout } from '../harness/checkout.ts'
import { prepareEngine } from '../harness/container.ts'
import { docker, execute, removeArguments, tryDocker } from '../harness/docker.ts'
import { ownLabels } from '../harness/docker-owner.ts'
import { baseImage, buildImages, flow1Image, flowImages } from '../harness/images.ts'

await prepareEngine()
await buildImages()

interface Image {
  readonly Config: {
    readonly User: string
    readonly Entrypoint: readonly string[]
    readonly StopSignal: string
    readonly Volumes: Readonly<Record<string, unknown>>
    readonly Labels: Readonly<Record<string, string>>
    readonly Healthcheck: { readonly Test: readonly string[]; readonly StartPeriod: number }
  }
  readonly RootFS: { readonly Layers: readonly string[] }
}

async function inspect(image: string): Promise<Image> {
  return JSON.parse(await docker(['image', 'inspect', image]))[0]
}

/** Output of a program in the image, without the supervisor. */
async function run(
  image: string,
  user: string | undefined,
  ...command: [string, ...string[]]
): Promise<string> {
  const [program, ...args] = command
  const asUser = user === undefined ? [] : ['--user', user]
  // Not attached: the output of a container that ends at once can get lost on its way to the client.
  const id = await docker([
    'run',
    '--detach',
    ...labelled,
    ...asUser,
    '--entrypoint',
    program,
    image,
    ...args,
  ])
  const code = await docker(['wait', id])
  const { stdout, stderr } = await tryDocker(['logs', id])
  await docker(removeArguments([id]))
  if (code !== '0') throw new Error(`${command.join(' ')}: exit code ${code}: ${stderr}`)
  return stdout.trimEnd()
}

const labelled = Object.entries(ownLabels).flatMap(([name, value]) => ['--label', `${name}=${value}`])

function shell(image: string, script: string, user?: string): Promise<string> {
  return run(image, user, 'sh', '-c', script)
}

t.test('R4.1 the base image says how it is to be run', async (t) => {
  const { Config } = await inspect(baseImage)
  t.equal(Config.User, '10001:10001', 'R7.1 not root, and numeric')
  t.same(Config.Entrypoint, ['flowkeep', 'run', '--'])
  t.equal(Config.StopSignal, 'SIGTERM')
  t.same(Object.keys(Config.Volumes).sort(), ['/run', '/tmp', '/var/lib/flowkeep'])
  t.same(Config.Healthcheck.Test, ['CMD', 'flowkeep', 'health'])
  const gateTimeoutNs = 5 * 60 * 1e9
  t.ok(Config.Healthcheck.StartPeriod > gateTimeoutNs, 'the start period covers the gate')
  const { version } = JSON.parse(readFileSync(`${checkout}/package.json`, 'utf8'))
  t.match(Config.Labels, {
    'org.opencontainers.image.version': version,
    'org.opencontainers.image.licenses': 'Apache-2.0',
  })
})

t.test('R7.4 nothing in it helps to become another user, and nothing of ours can be changed', async (t) => {
  t.equal(await shell(baseImage, 'find / -xdev -perm /6000 -type f 2>/dev/null; true'), '')
  const writable = 'find /opt /usr /etc -xdev ! -type l \\( -writable -o ! -user root \\) 2>/dev/null; true'
  t.equal(await shell(baseImage, writable), '')
  t.equal(await shell(baseImage, 'stat -c "%U %a" /opt/flowkeep/healthchecks'), 'root 755')
})

t.test('R4.1 Python has its driver, the supervisor its own Node.js, and they keep apart', async (t) => {
  const driver = 'python -c "import sys, psycopg; print(sys.prefix, psycopg.pq.__impl__)"'
  t.equal(await shell(baseImage, driver), '/opt/venv binary')
  t.equal(await shell(baseImage, 'command -v node || echo none'), 'none')
  t.match(await shell(baseImage, 'flowkeep --version'), /^\S*\d+\.\d+\.\d+/)
  t.match(await shell(baseImage, '/opt/flowkeep/bin/node --version'), /^v26\./)
})

t.test('R4.1 Prefect is in the base as it is locked, compiled, and starts under any user', async (t) => {
  const lock = readFileSync(`${checkout}/images/base/requirements.txt`, 'utf8')
  const locked = /^prefect==(\S+)/m.exec(lock)?.[1]
  const said = await shell(
    baseImage,
    'python -c "import prefect, prefect.flows as f; print(prefect.__version__); print(f.__cached__)"',
    '4321:4321',
  )
  const [version, compiled] = said.split('\n')
  t.equal(version, locked)
  t.equal(await shell(baseImage, `test -f ${compiled} && echo there`), 'there')
  t.match(await shell(baseImage, 'prefect --version', '4321:4321'), locked)
})

t.test('R4.1 a flow image can add packages to the same environment', async (t) => {
  const answer = await shell(baseImage, 'command -v pip; pip --version', '0')
  t.match(answer, /^\/opt\/venv\/bin\/pip\n.*\/opt\/venv\//)
})

t.test('R4.2 a flow image adds flow code only, on top of the base', async (t) => {
  const base = await inspect(baseImage)
  for (const image of flowImages) {
    const flow = await inspect(image)
    const shared = flow.RootFS.Layers.slice(0, base.RootFS.Layers.length)
    t.same(shared, base.RootFS.Layers, image)
    t.equal(flow.Config.User, base.Config.User)
    t.same(flow.Config.Entrypoint, base.Config.Entrypoint)
    t.equal(
      await shell(image, 'find /opt/flow /opt/flowkeep/healthchecks ! -user root -o -perm /022 -type f'),
      '',
      'nothing of it can be changed',
    )
  }
})

t.test('R4.2 each flow finds its own code whole, and says so when it is not', async (t) => {
  const check = '/opt/flowkeep/healthchecks/code'
  for (const image of flowImages) {
    t.match(await run(image, undefined, check), /^the flow's code \w+ (what|as) it must$/)
    const broken = 'echo "import nothing_of_this_name" >> /opt/flow/worker/csv_records.py'
    const breaking = image === flowImages[2] ? broken.replace('worker/csv_records', 'flow3/pricing') : broken
    t.match(
      await shell(image, `${breaking}; ${check} && exit 1; test $? = 2 && ${check} || true`, '0'),
      /^the flow's code is broken: ModuleNotFoundError/,
    )
  }
})

t.test('R4.3 R4.4 building again without a change gives the same images', async (t) => {
  const ids = () => docker(['image', 'inspect', '--format', '{{.Id}}', baseImage, flow1Image])
  const before = await ids()
  await buildImages()
  t.equal(await ids(), before)
})

const { stdout: buildArguments } = await execute(`${checkout}/images/build-secrets.sh`, [])
const secrets = [...buildArguments.matchAll(/^id=(\w+),src=(.*)$/gm)].map(([, id, path]) => ({ id, path }))
const skip = secrets.length > 0 ? false : 'this machine needs none to build'

t.test('R7.2 no build secret is in the images, their history or their settings', { skip }, async (t) => {
  for (const image of [baseImage, flow1Image]) {
    const told = [
      await docker(['history', '--no-trunc', '--format', '{{.CreatedBy}}', image]),
      await docker(['image', 'inspect', image]),
    ].join('\n')
    for (const { id, path } of secrets) {
      const lines = readFileSync(path as string, 'utf8').split('\n')
      // Certificates are told by their first lines as well as by all of them.
      const telling = lines.filter((line) => line.trim().length >= 16).slice(0, 100)
      t.same(
        telling.filter((line) => told.includes(line.trim())),
        [],
        `${id} in the settings of ${image}`,
      )
    }
    const files = await shell(image, 'ls -A /root; cat /etc/pip.conf /root/.npmrc 2>/dev/null; true', '0')
    t.notMatch(files, /npmrc|index-url|registry|token/i, `files of ${image}`)
  }
  const bundle = 'sha256sum /etc/ssl/certs/ca-certificates.crt'
  t.equal(
    await shell(baseImage, bundle),
    await shell('python:3.13-slim-trixie', bundle),
    'the authorities are those of the upstream image',
  )
})

t.test('§3 every command of the image has its help', async (t) => {
  for (const command of ['check', 'config', 'health', 'security', 'status', 'run']) {
    t.match(await run(baseImage, undefined, 'flowkeep', command, '--help'), /usage/i, command)
  }
})

t.test('R4.1 flows find their client, compiled, in the base image', async (t) => {
  const source = await run(
    baseImage,
    undefined,
    'python',
    '-c',
    'import flowkeep; print(flowkeep.__cached__)',
  )
  const script = `test -f ${source} && python -c 'import flowkeep.aio; print(flowkeep.records.__name__)'`
  t.equal(await shell(baseImage, script), 'records')
})
