// Whether a process lives. Everything it started asks here before it goes on.

export interface Pulse {
  readonly name: string
  alive: boolean
}
