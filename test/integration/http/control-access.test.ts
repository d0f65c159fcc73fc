import { spawn } from 'node:child_process'
import { chmodSync, existsSync } from 'node:fs'
import t from 'tap'
import { type ControlParts, openControlHttp } from '../../../supervisor/http/control.ts'
import { createFakeQueue } from '../../harness/fake-queue.ts'
import { callSocket } from '../../harness/raw-http.ts'
import { shortDirectory } from '../../harness/short-directory.ts'
import { quiet } from '../../unit/http/public-fixture.ts'

const asRoot = process.getuid?.() === 0
const needsRoot = asRoot ? {} : { skip: 'takes root, to run as another user' }

function parts(path: string, owner?: ControlParts['owner']): ControlParts {
  return {
    path,
    owner,
    logger: quiet,
    status: () => ({}) as ReturnType<ControlParts['status']>,
    ready: () => 'running',
    reload: () => 'reloading',
    drain: () => 'draining',
    operations: createFakeQueue(),
  }
}

/** What a process of that user gets when it connects: `connected` or an error code. */
function connectAs(uid: number, path: string): Promise<string> {
  const program = `
    const socket = require('node:net').connect(process.argv[1])
    socket.on('connect', () => { console.log('connected'); socket.destroy() })
    socket.on('error', (error) => console.log(error.code))`
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['-e', program, path], { uid, gid: uid, cwd: '/', env: {} })
    let out = ''
    child.stdout.on('data', (chunk) => {
      out += chunk
    })
    child.once('error', reject)
    child.once('close', () => resolve(out.trim()))
  })
}

t.test('R7.1 the socket is for the flow’s user and nobody else', needsRoot, async (t) => {
  const directory = shortDirectory(t)
  chmodSync(directory, 0o755)
  const path = `${directory}/run/flowkeep/control.sock`
  const control = await openControlHttp(parts(path, { uid: 10_001, gid: 10_001 }))
  t.teardown(() => control.close())
  t.equal(await connectAs(10_001, path), 'connected')
  t.equal(await connectAs(10_002, path), 'EACCES')
  const twice = await openControlHttp(parts(path)).catch((error: { code: string }) => error.code)
  t.equal(twice, 'control_socket_unavailable')
  await control.close()
  const again = await openControlHttp(parts(path, { uid: 10_001, gid: 10_001 }))
  t.equal(await connectAs(10_001, path), 'connected', 'also in the directory that was made before')
  await again.close()
})

t.test('R8.2 the socket that a killed supervisor left behind is replaced', async (t) => {
  const path = `${shortDirectory(t)}/control.sock`
  const program = `require('node:net').createServer().listen(process.argv[1], () => console.log('up'))`
  const child = spawn(process.execPath, ['-e', program, path], { stdio: ['ignore', 'pipe', 'inherit'] })
  await new Promise((resolve) => child.stdout.once('data', resolve))
  await t.rejects(openControlHttp(parts(path)), {
    code: 'control_socket_unavailable',
    message: /another process/,
  })
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill('SIGKILL')
  await gone
  t.ok(existsSync(path), 'it is left behind')
  const control = await openControlHttp(parts(path))
  t.match(await callSocket(path, 'POST', '/v1/drain'), { status: 200, json: { state: 'draining' } })
  await control.close()
  t.notOk(existsSync(path))
})

t.test('R7.4 a directory that cannot be written says which variable to set', needsRoot, async (t) => {
  await t.rejects(openControlHttp(parts('/proc/flowkeep/control.sock')), {
    code: 'control_socket_unavailable',
    hint: /CONTAINER_CONTROL_SOCKET/,
  })
})
