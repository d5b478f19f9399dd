/**
 * Who gets the next request. Every revision owns one slot in each stretch of 100/percent requests and takes it at a
 * random place in that stretch. Hence the share is right to about one request after *any* number of requests, as with a
 * smooth round robin, but without its fixed rhythm: a page that always loads twenty files would otherwise send the same
 * file to a 5 % candidate every time, and the comparison with stable would compare files, not versions.
 */
export interface WeightedOrder {
  /** Index of the next to serve, -1 when nobody has weight. */
  next(): number;
}

/** `random` returns numbers from 0 to below 1. */
export function weightedOrder(percents: readonly number[], random: () => number): WeightedOrder {
  const served = percents.map(() => 0);
  const dueAt = percents.map((percent) => (percent > 0 ? random() / percent : Number.POSITIVE_INFINITY));
  const weighted = percents.flatMap((percent, index) => (percent > 0 ? [index] : []));
  const only = weighted.length === 1 ? weighted[0] : undefined;

  /** Ties go to the first. */
  const earliest = () =>
    weighted.reduce((first, index) => ((dueAt[index] ?? 0) < (dueAt[first] ?? 0) ? index : first), weighted[0] ?? -1);

  return {
    next() {
      if (only !== undefined) return only;
      const index = earliest();
      if (index < 0) return index;
      const turn = (served[index] ?? 0) + 1;
      served[index] = turn;
      dueAt[index] = (turn + random()) / (percents[index] ?? 1);
      return index;
    },
  };
}
