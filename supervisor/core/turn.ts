/** Two turns of the event loop: a new connection is accepted in the first, its request is read in the second. */
export function othersTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}
