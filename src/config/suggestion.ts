/** "Did you mean …?": the one candidate that is close enough to be worth saying. */

/** Edit distance with swaps of neighbours, but never more than `limit + 1` worth of work per row is of interest. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      current.push(cell(a, b, row, column, { beforeLast, last, current }));
    }
    beforeLast = last;
    last = current;
  }
  return last[b.length] ?? 0;
}

interface Rows {
  readonly beforeLast: readonly number[];
  readonly last: readonly number[];
  readonly current: readonly number[];
}

function cell(a: string, b: string, row: number, column: number, rows: Rows): number {
  const cost = a[row - 1] === b[column - 1] ? 0 : 1;
  const straight = Math.min(
    (rows.last[column] ?? 0) + 1,
    (rows.current[column - 1] ?? 0) + 1,
    (rows.last[column - 1] ?? 0) + cost,
  );
  const swapped = row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
  return swapped ? Math.min(straight, (rows.beforeLast[column - 2] ?? 0) + 1) : straight;
}

/** Upper and lower case, `-` and `_` are the commonest slips and cost nothing. */
const plain = (text: string): string => text.toLowerCase().replaceAll(/[-_ ]/g, "");

/** The candidate within two edits, or of which one is the beginning of the other (from three letters on). */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 64) return undefined;
  const wanted = plain(word);
  const scored = candidates.map((candidate) => ({ candidate, score: distanceOf(wanted, plain(candidate)) }));
  const best = scored.sort((a, b) => a.score - b.score)[0];
  return best !== undefined && best.score <= 2 ? best.candidate : undefined;
}

function distanceOf(wanted: string, candidate: string): number {
  const shorter = Math.min(wanted.length, candidate.length);
  const distance = editDistance(wanted, candidate);
  // Two edits turn any two-letter word into any other: a slip must leave more than half of the word standing.
  if (distance <= 2 && distance * 2 < Math.max(wanted.length, candidate.length)) return distance;
  const prefix = shorter >= 3 && (candidate.startsWith(wanted) || wanted.startsWith(candidate));
  return prefix ? 2 : Number.POSITIVE_INFINITY;
}

/** `did you mean "steps"?`, or what there is to choose from. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const close = nearest(word, candidates);
  if (close !== undefined) return `did you mean "${close}"?`;
  return candidates.length === 0 ? "remove it" : `use one of: ${candidates.join(", ")}`;
}
