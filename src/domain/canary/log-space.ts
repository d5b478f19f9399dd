/** Sums of numbers that are only known by their logarithms: evidence spans hundreds of powers of ten. */

/** `ln(e^a + e^b)`, exact to the last digits even where one of them is `-Infinity`. */
export function logAdd(a: number, b: number): number {
  const [low, high] = a < b ? [a, b] : [b, a];
  return low === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high));
}

/** `ln Σ e^x`; of nothing, `-Infinity`. */
export function logSum(values: readonly number[]): number {
  let highest = Number.NEGATIVE_INFINITY;
  for (const value of values) if (value > highest) highest = value;
  if (highest === Number.NEGATIVE_INFINITY) return highest;
  let sum = 0;
  for (const value of values) sum += Math.exp(value - highest);
  return highest + Math.log(sum);
}

/** `ln` of the mean of `e^x`. */
export const logMean = (values: readonly number[]): number => logSum(values) - Math.log(values.length);
