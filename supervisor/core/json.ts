// JSON as it comes over the control socket. A number that a double cannot hold keeps its digits: Python's integers and
// decimals have no bounds, and a record number that changes on the way would be a silent corruption.

export type Json = null | boolean | number | string | readonly Json[] | JsonObject

export interface JsonObject {
  readonly [name: string]: Json
}
