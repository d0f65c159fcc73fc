// Makes the environment with Prefect that the tests use, ahead of them, and says where it is or why it isn't.

import { prefectEnvironment } from './environment.ts'

const { python, skip } = prefectEnvironment()
console.log(python ?? `no environment with Prefect: ${skip}`)
