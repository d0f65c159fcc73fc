// Runs inside a container of a flow, by the supervisor's own Node.js: has the flow started again, waits until it runs or
// has failed, and prints which. One process for all of it: each `docker exec` starts a Node.js that takes its time from
// the very flow it waits for.
//
// node -e … reload: asks the supervisor for it. node -e … wait: the container has just been started again.

const { request } = require('node:http')

const socketPath = process.env.CONTAINER_CONTROL_SOCKET || '/run/flowkeep/control.sock'
const runningMs = 60_000
/** For a supervisor that has just been started. */
const listeningMs = 10_000
const lookEveryMs = 50

/** @returns {Promise<{status: number, body: string} | undefined>} undefined where nobody answers */
function call(method, path) {
  return new Promise((resolve) => {
    const asked = request({ socketPath, method, path }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
      response.on('error', () => resolve(undefined))
    })
    asked.on('error', () => resolve(undefined))
    asked.end()
  })
}

async function look() {
  const answer = await call('GET', '/v1/status')
  return answer?.status === 200 ? JSON.parse(answer.body).process : undefined
}

const pause = () => new Promise((resolve) => setTimeout(resolve, lookEveryMs))

async function restart(mode) {
  const before = mode === 'reload' ? await look() : { generation: 0, restarts: 0 }
  if (before === undefined) return 'unreachable'
  if (mode === 'reload' && !((await call('POST', '/v1/reload'))?.status < 300)) return 'refused'
  const startedMs = performance.now()
  let answered = mode === 'reload'
  for (;;) {
    const now = await look()
    const ms = performance.now() - startedMs
    // The supervisor has ended, after too many failures.
    if (now === undefined && (answered || ms > listeningMs)) return 'failed'
    if (now !== undefined) {
      answered = true
      if (now.generation > before.generation && now.ready) return 'running'
      if (now.generation > before.generation && now.restarts > before.restarts && now.lastExit)
        return 'failed'
    }
    if (ms > runningMs) return 'failed'
    await pause()
  }
}

restart(process.argv[1]).then((outcome) => process.stdout.write(outcome))
