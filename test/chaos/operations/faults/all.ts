import { databaseFaults } from './database.ts'
import type { Fault } from './fault.ts'
import { networkFaults } from './network.ts'
import { supervisorFaults } from './supervisors.ts'

export const faults: readonly Fault[] = [...supervisorFaults, ...databaseFaults, ...networkFaults]

export const faultNames: readonly string[] = faults.map(({ name }) => name)
