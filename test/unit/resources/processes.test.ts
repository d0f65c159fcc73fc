// Files as Linux 6.18 shows them in a container.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readNetwork } from '../../../supervisor/resources/network.ts'
import { readProcess } from '../../../supervisor/resources/process-figures.ts'

t.test('R6.1 what a process holds', async (t) => {
  const root = t.testdir({
    proc: {
      '7': {
        status: 'Name:\tpython\nState:\tS (sleeping)\nVmRSS:\t   20480 kB\nThreads:\t12\n',
        limits:
          'Limit                     Soft Limit           Hard Limit           Units     \nMax processes             unlimited            unlimited            processes \nMax open files            1024                 524288               files     \n',
        fd: { '0': '', '1': '', '2': '' },
      },
    },
  })
  t.strictSame(readProcess(7, root), {
    residentBytes: 20_971_520,
    threads: 12,
    openFiles: 3,
    openFilesLimit: 1024,
  })
  t.ok(Object.values(readProcess(8, root)).every((value) => value === undefined))
  const own = readProcess('self')
  t.ok(
    Object.values(own).every((value) => (value ?? 0) > 0),
    'this process can be read',
  )
})

t.test('R6.1 connections and traffic of the network namespace, without what stays inside', async (t) => {
  const root = t.testdir({})
  t.ok(Object.values(readNetwork(root)).every((value) => value === undefined))
  const net = join(root, 'proc/self/net')
  mkdirSync(net, { recursive: true })
  const figures = {
    sockstat: 'sockets: used 200\nTCP: inuse 28 orphan 0 tw 384 alloc 28 mem 376\nUDP: inuse 0 mem 0\n',
    sockstat6: 'TCP6: inuse 2\nUDP6: inuse 0\n',
    dev: [
      'Inter-|   Receive                                                |  Transmit',
      ' face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed',
      '    lo: 1703770360 1159675    0    0    0     0          0         0 1703770360 1159675    0    0    0     0       0          0',
      '  eth0:    1000      10    0    0    0     0          0         0      500       5    0    0    0     0       0          0',
      '  eth1:1       1    0    0    0     0          0         0        2       1    0    0    0     0       0          0',
    ].join('\n'),
  }
  for (const [name, text] of Object.entries(figures)) writeFileSync(join(net, name), text)
  t.strictSame(readNetwork(root), { tcpInUse: 30, tcpTimeWait: 384, receivedBytes: 1001, sentBytes: 502 })
  t.ok((readNetwork().tcpInUse ?? -1) >= 0, 'this machine can be read')
})
