// A real HAProxy in front of two containers: it asks for /health, and no client notices that one comes and one goes.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import t from 'tap'
import { type Container, flawsOf, flowPort, startContainer, type TestContext } from '../harness/container.ts'
import { docker } from '../harness/docker.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import { unusedPort } from '../harness/servers.ts'
import { until } from '../harness/until.ts'

const absent = spawnSync('haproxy', ['-v']).error !== undefined
const skip = absent && 'haproxy is not installed (Debian: apt-get install haproxy)'

const appPort = 8000
/** Says its name to every request, and to the supervisor that it is ready when it is told so by SIGUSR1. */
const app = `
import http.client, http.server, os, signal, socket, sys, threading, time

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(0.02)
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass

def ready(*_):
    call = http.client.HTTPConnection("localhost")
    call.sock = socket.socket(socket.AF_UNIX)
    call.sock.connect(os.environ["FLOWKEEP_SOCKET"])
    call.request("POST", "/v1/ready")
    assert call.getresponse().status == 200

signal.signal(signal.SIGUSR1, lambda *_: threading.Thread(target=ready).start())
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
server = http.server.ThreadingHTTPServer(("0.0.0.0", ${appPort}), Answer)
print("listening", flush=True)
server.serve_forever()
`
const clients = 4

t.test(
  'R5.1 R5.5 HAProxy takes a container in, and out again without a failed request',
  { skip },
  async (t) => {
    await buildImages()
    const [first, second] = await Promise.all([startApp(t, 'first'), startApp(t, 'second')])
    const haproxy = await startHaproxy(t, { first, second })
    await haproxy.sees({ first: 'DOWN', second: 'DOWN' })
    await first.signal('USR1')
    await haproxy.sees({ first: 'UP', second: 'DOWN' })

    const answers = startClients(haproxy.port)
    await answers.next('first')
    t.notOk(answers.counts.has('second'), 'one that is not ready is not asked')
    await second.signal('USR1')
    await answers.next('second')

    const stopped = first.stop()
    await haproxy.sees({ first: 'DOWN', second: 'UP' })
    t.match((await stopped).last, { event: 'exit', reason: 'stopped', code: 0 })
    const before = answers.counts.get('second') ?? 0
    await until(
      'the other one serves on',
      async () => answers.counts.get('second') ?? 0,
      (count) => count > before + 10,
    )
    await answers.stop()
    t.same([...answers.counts.keys()].sort(), ['first', 'second'], 'no request failed')
    t.same([...flawsOf(first), ...flawsOf(second)], [])
  },
)

async function startApp(t: TestContext, name: string): Promise<Container> {
  const container = await startContainer(t, {
    image: baseImage,
    command: ['python', '-c', app, name],
    environment: {
      CONTAINER_FLOW_NAME: name,
      CONTAINER_FLOW_READY: 'notify',
      CONTAINER_STOP_DRAIN: '2s',
    },
    publish: [flowPort, appPort],
  })
  await container.log.next(({ message }) => message === 'listening')
  return container
}

/** Asks on and on. What is answered is counted by its text; whatever else happens, by what it is. */
function startClients(port: number): {
  readonly counts: ReadonlyMap<string, number>
  next(answer: string): Promise<unknown>
  stop(): Promise<void>
} {
  const counts = new Map<string, number>()
  let stopping = false
  async function ask(): Promise<string> {
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: 'close' } })
    const body = await response.text()
    return response.status === 200 ? body : `${response.status}: ${body}`
  }
  async function client(): Promise<void> {
    while (!stopping) {
      const answer = await ask().catch((error: Error) => `${error.message}: ${error.cause}`)
      counts.set(answer, (counts.get(answer) ?? 0) + 1)
    }
  }
  const all = Array.from({ length: clients }, client)
  return {
    counts,
    next: (answer) =>
      until(
        `"${answer}" answers`,
        async () => [...counts.keys()],
        (keys) => keys.includes(answer),
      ),
    async stop() {
      stopping = true
      await Promise.all(all)
    },
  }
}

async function startHaproxy(
  t: TestContext,
  containers: Readonly<Record<string, Container>>,
): Promise<{ port: number; sees(states: Readonly<Record<string, 'UP' | 'DOWN'>>): Promise<unknown> }> {
  const directory = mkdtempSync(join(tmpdir(), 'haproxy-'))
  const port = await unusedPort()
  const servers: string[] = []
  for (const [name, { id }] of Object.entries(containers)) {
    const [health, work] = await Promise.all(
      [flowPort, appPort].map((inside) => docker(['port', id, String(inside)])),
    )
    servers.push(`  server ${name} ${work} check addr 127.0.0.1 port ${health?.split(':')[1]}`)
  }
  const config = [
    'global',
    `  stats socket ${directory}/admin.sock`,
    'defaults',
    '  mode http',
    '  timeout connect 5s',
    '  timeout client 30s',
    '  timeout server 30s',
    // A request that fails is to be seen, not tried again elsewhere.
    '  retries 0',
    'listen flows',
    `  bind 127.0.0.1:${port}`,
    '  option httpchk GET /health',
    '  default-server inter 200ms fall 2 rise 1',
    ...servers,
    '',
  ].join('\n')
  writeFileSync(join(directory, 'haproxy.cfg'), config)
  const haproxy = spawn('haproxy', ['-db', '-f', join(directory, 'haproxy.cfg')], { stdio: 'ignore' })
  const ended = once(haproxy, 'exit')
  t.teardown(async () => {
    haproxy.kill('SIGKILL')
    await ended
    rmSync(directory, { recursive: true })
  })
  return {
    port,
    sees: (states) =>
      until(
        `HAProxy sees ${JSON.stringify(states)}`,
        () => statesOf(join(directory, 'admin.sock')),
        (seen) => Object.entries(states).every(([name, state]) => seen[name] === state),
      ),
  }
}

/** `UP`, `DOWN` and what lies between, by server. */
async function statesOf(socketPath: string): Promise<Record<string, string>> {
  const socket = createConnection(socketPath).end('show stat\n')
  const table = await text(socket).catch(() => '')
  const [header = '', ...rows] = table.split('\n').map((line) => line.split(','))
  const column = header.indexOf('status')
  return Object.fromEntries(rows.map((row) => [row[1], row[column] ?? '']))
}
