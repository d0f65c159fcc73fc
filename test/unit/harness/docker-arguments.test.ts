import t from 'tap'
import { listArguments, networkArguments, removeArguments, runArguments } from '../../harness/docker.ts'

const labels = { owner: '12-34' }

t.test('§9 a container is labelled, never pulled, and says nothing it was not told', (t) => {
  t.same(runArguments({ image: 'flow' }, labels), [
    ...['run', '--detach', '--init=false', '--restart=no', '--pull=never', '--label', 'owner=12-34', 'flow'],
  ])
  t.end()
})

t.test(
  '§9 everything that can be told becomes arguments before the image, the command comes after it',
  (t) => {
    const args = runArguments(
      {
        image: 'flow',
        command: ['sh', '-c', 'echo "a b"'],
        environment: { NAME: 'a=b c' },
        network: 'net',
        alias: 'db',
        publish: [8088],
        mounts: [{ source: '/a,b', target: '/data' }],
        tmpfs: ['/tmp'],
        user: '1:2',
        readOnly: true,
        dropCapabilities: true,
        noNewPrivileges: true,
        memory: '64m',
        entrypoint: 'ls',
        options: ['--pids-limit', '9'],
      },
      {},
    )
    t.same(args.slice(5), [
      ...['--env', 'NAME=a=b c', '--network', 'net', '--network-alias', 'db', '--publish', '127.0.0.1::8088'],
      ...['--mount', 'type=bind,"source=/a,b",target=/data,readonly', '--tmpfs', '/tmp', '--user', '1:2'],
      ...['--read-only', '--cap-drop=ALL', '--security-opt=no-new-privileges'],
      ...['--memory=64m', '--memory-swap=64m', '--entrypoint', 'ls', '--pids-limit', '9'],
      ...['flow', 'sh', '-c', 'echo "a b"'],
    ])
    t.end()
  },
)

t.test('§9 what was made can be found by its label and removed with its volumes', (t) => {
  t.same(networkArguments('net', labels), ['network', 'create', '--label', 'owner=12-34', 'net'])
  t.same(removeArguments(['a', 'b']), ['rm', '--force', '--volumes', 'a', 'b'])
  t.same(listArguments('container', 'owner', '{{.ID}}').slice(0, 4), [
    'container',
    'ls',
    '--all',
    '--no-trunc',
  ])
  t.same(listArguments('network', 'owner', '{{.ID}}').slice(0, 3), ['network', 'ls', '--no-trunc'])
  t.end()
})
