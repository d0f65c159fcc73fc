import { mkdirSync, readFileSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { readKept } from '../../../supervisor/alerts/alert.ts'
import { holdsAlerts, KeptFile } from '../../../supervisor/alerts/kept-file.ts'
import { AlertOffice } from '../../../supervisor/alerts/office.ts'
import { memoryDirectory } from '../../harness/journal.ts'
import { createTestClock } from '../../harness/test-clock.ts'
import { quiet } from '../http/public-fixture.ts'
import { alert, labels, ok } from './fixture.ts'

function keysIn(directory: string): string[] {
  return readKept(readFileSync(join(directory, 'alerts.json'), 'utf8')).map(({ key }) => key)
}

t.test('R8.5 what is to be kept at the moment the one before is written is written, too', async (t) => {
  for (let turns = 0; turns < 8; turns++) {
    const directory = memoryDirectory(t)
    const file = new KeptFile(directory, quiet)
    const alerts = [alert({ key: 'a' })]
    await file.save(() => alerts)
    const again = file.save(() => alerts)
    for (let turn = 0; turn < turns; turn++) await Promise.resolve()
    alerts.push(alert({ key: 'b' }))
    await Promise.all([again, file.save(() => alerts)])
    t.strictSame(keysIn(directory), ['a', 'b'], `${turns} turns later`)
  }
})

t.test('R8.5 alerts taken over before the own file was read are in it afterwards', async (t) => {
  const [left, own] = [memoryDirectory(t), memoryDirectory(t)]
  await new KeptFile(left, quiet).save(() => [alert({ key: 'left' })])
  await new KeptFile(own, quiet).save(() => [alert({ key: 'own' })])
  const office = new AlertOffice({
    ...{ clock: createTestClock(), logger: quiet, labels, redact: (text) => text, random: () => 1 },
    ...{ post: async () => ok, counted: () => {} },
  })
  await office.adopt(left)
  t.ok(holdsAlerts(left), 'nowhere else are they on a disk')
  await office.keepIn(own)
  t.strictSame(keysIn(own).sort(), ['left', 'own'])
  mkdirSync(join(own, 'alerts.json.new'))
  await new KeptFile(left, quiet).save(() => [alert({ key: 'more' })])
  await office.adopt(left)
  t.ok(holdsAlerts(left), 'our disk does not take them')
  rmdirSync(join(own, 'alerts.json.new'))
  await office.adopt(left)
  t.notOk(holdsAlerts(left))
  t.strictSame(keysIn(own).sort(), ['left', 'more', 'own'])
})
