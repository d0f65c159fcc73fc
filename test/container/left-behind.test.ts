// A test process that is killed leaves no container behind.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import t from 'tap'
import { checkout } from '../harness/checkout.ts'
import { docker, removeArguments } from '../harness/docker.ts'
import { ownContainers, ownerLabel } from '../harness/docker-owner.ts'
import { baseImage, buildImages } from '../harness/images.ts'
import { until } from '../harness/until.ts'

await buildImages()

async function exists(id: string): Promise<boolean> {
  return (await docker(['container', 'ls', '--all', '--no-trunc', '--quiet'])).split('\n').includes(id)
}

t.test('§9 the containers of a killed test process are removed', async (t) => {
  const child = spawn(process.execPath, [`${checkout}/test/fixtures/programs/leave-container.ts`], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const [said] = await once(child.stdout, 'data')
  const id = String(said).trim()
  t.ok(await exists(id), 'it is there while the process lives')
  // As the runner ends a file: its whole process group at once.
  process.kill(-(child.pid as number), 'SIGKILL')
  await until(
    'the container is gone',
    () => exists(id),
    (there) => !there,
  )
})

t.test('§9 what an owner that is gone left behind is removed by the next test process', async (t) => {
  // No process has this number: the kernel's are below 2^22.
  const gone = await docker(['create', '--label', `${ownerLabel}=4194305-1`, baseImage, 'sleep', '1000'])
  const volume = await docker(['volume', 'create', '--label', `${ownerLabel}=4194305-1`])
  const own = await docker(['create', baseImage, 'sleep', '1000'])
  t.teardown(() => docker(removeArguments([own])))
  await ownContainers()
  t.notOk(await exists(gone))
  t.equal(await docker(['volume', 'ls', '--quiet', '--filter', `name=${volume}`]), '', 'its volumes too')
  t.ok(await exists(own), 'containers that are none of ours are left alone')
})
