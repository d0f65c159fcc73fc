// The threads that asynchronous file access needs. Node.js makes them at the first need and aborts when it cannot, and
// a flow that uses up the container's process limit would see to that. So they are made before the flow is started.

import { stat } from 'node:fs'

export function startThreads(): void {
  stat('/', () => undefined)
}
