// Where wrk is missing: asks as fast as CONNECTIONS keep-alive connections allow, one request at a time on each.
// Prints "requests/s, p99 in ms".
//   http-load.cjs PORT CONNECTIONS SECONDS
const { connect } = require('node:net')
const { performance } = require('node:perf_hooks')

const [port, connections, seconds] = process.argv.slice(2).map(Number)
const request = 'GET /health HTTP/1.1\r\nhost: bench\r\n\r\n'
const latenciesMs = []

for (let index = 0; index < connections; index++) {
  const socket = connect(port, '127.0.0.1')
  let sentAtMs = 0
  const ask = () => {
    sentAtMs = performance.now()
    socket.write(request)
  }
  socket.on('connect', ask)
  // Every answer is small enough to come in one piece.
  socket.on('data', () => {
    latenciesMs.push(performance.now() - sentAtMs)
    ask()
  })
}

setTimeout(() => {
  latenciesMs.sort((a, b) => a - b)
  console.log(`${latenciesMs.length / seconds} ${latenciesMs[Math.floor(latenciesMs.length * 0.99)]}`)
  process.exit(0)
}, seconds * 1000)
