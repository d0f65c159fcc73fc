// The alerts of one supervisor with everybody who carries them, and the file that keeps them.

import type { Clock } from '../core/clock.ts'
import type { Logger } from '../core/logger.ts'
import type { Redact } from '../core/secret.ts'
import type { OpenAlert } from '../core/status.ts'
import type { Condition } from './catalogue.ts'
import { Courier, type CourierParts } from './courier.ts'
import { AlertDesk } from './desk.ts'
import { KeptFile } from './kept-file.ts'
import type { Sink } from './notice.ts'

export interface OfficeParts extends Pick<CourierParts, 'random' | 'post' | 'counted'> {
  readonly clock: Clock
  readonly logger: Logger
  readonly redact: Redact
  /** `flow`, `instance_id`, `environment` */
  readonly labels: Readonly<Record<string, string>>
}

export class AlertOffice {
  readonly #parts: OfficeParts
  readonly #desk: AlertDesk
  #couriers: readonly Courier[] = []
  #file: KeptFile | undefined

  constructor(parts: OfficeParts) {
    this.#parts = parts
    this.#desk = new AlertDesk({
      ...parts,
      sinks: () => this.#couriers.map(({ name }) => name),
      changed: () => {
        void this.#save()
        for (const courier of this.#couriers) courier.wake()
      },
    })
  }

  /** Keeps alerts in this directory from now on, and takes on those it finds there. Never rejects. */
  async keepIn(directory: string): Promise<void> {
    if (this.#file) return
    const file = new KeptFile(directory, this.#parts.logger)
    this.#desk.carry(await file.read())
    // Written only once it was read, and with what was raised or taken on meanwhile.
    this.#file = file
    await this.#save()
    for (const courier of this.#couriers) courier.wake()
  }

  /** Takes on what somebody who is gone has left in another directory. Never rejects. */
  async adopt(directory: string): Promise<void> {
    const left = new KeptFile(directory, this.#parts.logger)
    this.#desk.carry(await left.read())
    await this.#save()
    // Where they are not on our disk yet they stay on the other one, and are looked at again.
    if (this.#file?.isSaved) await left.remove()
    for (const courier of this.#couriers) courier.wake()
  }

  /** In place of the receivers before. */
  hire(sinks: readonly Sink[]): void {
    for (const courier of this.#couriers) courier.close()
    this.#couriers = sinks.map(
      (sink) =>
        new Courier({
          ...this.#parts,
          sink,
          alerts: () => this.#desk.all(),
          told: () => {
            this.#desk.forgetTold()
            void this.#save()
          },
        }),
    )
    for (const courier of this.#couriers) courier.wake()
  }

  open(): OpenAlert[] {
    return this.#desk.open()
  }

  observe(conditions: readonly Condition[], mayClear: boolean): void {
    this.#desk.observe(conditions, mayClear)
  }

  /** @param last why the container goes down */
  async last(last: Condition | undefined, untilMs: number): Promise<void> {
    if (last) this.#desk.raiseLast(last)
    await Promise.all([this.#save(), ...this.#couriers.map((courier) => courier.last(untilMs))])
    await this.#save()
  }

  async #save(): Promise<void> {
    await this.#file?.save(() => this.#desk.all())
  }
}
