// What someone who mistyped most probably meant.

import { distance } from 'fastest-levenshtein'

/** Longer ones are not compared: the cost grows with the square, and nobody mistypes a name that long. */
const comparedChars = 200

/** The candidate with the fewest differing characters, if they are few for the text's length; the first of equals. */
export function nearest(text: string, candidates: Iterable<string>): string | undefined {
  if (text.length > comparedChars) return undefined
  const most = Math.max(2, Math.floor(text.length / 4))
  let best: string | undefined
  let fewest = most + 1
  for (const candidate of candidates) {
    // Lengths that differ by more cannot be closer, and comparing lengths is cheap.
    if (Math.abs(candidate.length - text.length) >= fewest) continue
    const count = mistakes(text, candidate)
    if (count >= fewest || count >= candidate.length) continue
    best = candidate
    fewest = count
  }
  return best
}

/** Two letters that changed places count once, not as two wrong ones. */
function mistakes(text: string, candidate: string): number {
  const count = distance(text, candidate)
  return count > 1 && sorted(text) === sorted(candidate) ? count - 1 : count
}

function sorted(text: string): string {
  return [...text].sort().join('')
}
