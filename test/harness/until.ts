// For what can only be asked, not awaited: asks again until the answer is yes.

export interface Patience {
  readonly betweenMs: number
  readonly deadlineMs: number
}

const usual: Patience = { betweenMs: 50, deadlineMs: 60_000 }

/** @throws Error naming `what`, and the last answer, when it has not come about by the deadline, within a minute */
export async function until<T>(
  what: string,
  ask: () => Promise<T>,
  isYes: (answer: T) => boolean,
  { betweenMs, deadlineMs } = usual,
): Promise<T> {
  const giveUpAtMs = performance.now() + deadlineMs
  for (;;) {
    const answer = await ask()
    if (isYes(answer)) return answer
    if (performance.now() > giveUpAtMs) {
      throw new Error(`waited in vain until ${what}; the last answer was ${JSON.stringify(answer)}`)
    }
    await new Promise((resolve) => setTimeout(resolve, betweenMs))
  }
}
