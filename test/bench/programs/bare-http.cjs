// The least that answers over HTTP: what a boot of Node.js itself costs.
const { createServer } = require('node:http')

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end('{"status":"healthy"}\n')
})
server.listen(Number(process.argv[2]), '127.0.0.1')
