import t from 'tap'
import { type Need, networkReport } from '../../../supervisor/security/network-policy.ts'
import { recordedContainer, type Tree, tcpHead, tcpLine } from './recorded.ts'

const head = 'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n'
const own = 'eth0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n'
const everywhere = 'eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n'
const down = 'eth1\t0000000A\t00000000\t0000\t0\t0\t0\t000000FF\t0\t0\t0\n'

const database: Need = { name: 'database:a', host: 'db', port: 5432, addresses: ['172.17.0.3'], open: false }
const outside: Need = {
  name: 'service:api',
  host: 'api.example',
  port: 443,
  addresses: ['192.0.2.7'],
  open: false,
}

const report = (tree: Tree, ...needs: Need[]) => networkReport(recordedContainer({ tree }), needs)

t.test('R7.3 what listens is told, and whether it is meant to', async (t) => {
  const { listening } = report({
    '/proc/self/net/tcp':
      tcpHead + tcpLine('00000000:1F98') + tcpLine('00000000:1F40') + tcpLine('0100007F:1538'),
  })
  t.same(listening, [
    { address: '0.0.0.0', port: 8088, allowed: true },
    { address: '0.0.0.0', port: 8000, allowed: false },
    { address: '127.0.0.1', port: 5432, allowed: true },
  ])
})

t.test('R7.3 connections are told by the need they serve; one that serves none is noted', async (t) => {
  const tcp =
    tcpHead +
    tcpLine('00000000:1F98') +
    tcpLine('020011AC:9C40', '030011AC:1538', '01') + // to the database
    tcpLine('020011AC:9C41', '030011AC:1538', '01') +
    tcpLine('020011AC:9C42', '0900000A:18EB', '01') + // to nobody we know
    tcpLine('020011AC:1F98', '050011AC:D431', '01') + // from outside, to the health endpoint
    tcpLine('0100007F:9C43', '0100007F:1538', '01') // within the container
  const { connections, needed, notes } = report({ '/proc/self/net/tcp': tcp }, database)
  t.same(connections, [
    { address: '172.17.0.3', port: 5432, count: 2, for: 'database:a' },
    { address: '10.0.0.9', port: 6379, count: 1, for: null },
  ])
  t.match(needed, [{ name: 'database:a', connected: true }])
  t.equal(notes.length, 1)
  t.match(notes[0], /1 connection to 10\.0\.0\.9 port 6379/)
})

t.test('R7.3 a way out that nothing needs is noted', async (t) => {
  const routes = (text: string) => ({ '/proc/self/net/route': head + text })
  t.match(report(routes(own + everywhere), database).notes, [/default route/])
  t.match(report(routes(own + everywhere)).notes, [/default route/], 'also when nothing is needed at all')
  t.same(report(routes(own), database).notes, [], 'an internal network')
  t.same(report(routes(own + everywhere), database, outside).notes, [], 'something needed lies beyond')
  t.same(
    report(routes(own + everywhere), { ...database, addresses: [] }).notes,
    [],
    'where it lies is not known',
  )
})

t.test('R7.3 routes are written as networks, those that are down left out', async (t) => {
  t.same(report({ '/proc/self/net/route': head + everywhere + own + down }).routes, [
    'default',
    '172.17.0.0/16',
  ])
})

t.test('R7.3 a service without TLS is noted, unless it is on loopback', async (t) => {
  const notes = (host: string, ...addresses: string[]) =>
    report({}, { name: 'service:api', host, port: 80, addresses, open: true }).notes
  t.match(notes('api', '172.17.0.9'), [/service:api at api port 80 is spoken to without TLS/])
  t.equal(notes('api').length, 1, 'where it is is not known')
  t.same(notes('localhost', '127.0.0.1'), [])
  t.same(notes('127.0.0.1', '127.0.0.1'), [])
  t.same(report({}, outside).notes, [])
})
