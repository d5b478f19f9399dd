/** Seeded random numbers: the same seed gives the same table on every machine. */

export interface Random {
  /** Uniform, at least 0 and less than 1. */
  next(): number;
  poisson(mean: number): number;
  /** Gamma with a mean of 1; the smaller the shape, the wilder. */
  gamma(shape: number): number;
}

/** The generator sfc32 (Doty-Humphrey 2010), begun by a scrambled seed. */
export function seededRandom(seed: number): Random {
  let [a, b, c, counter] = [seed | 0, (seed ^ 0x9e3779b9) | 0, 0x243f6a88 | 0, 1];
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return (t >>> 0) / 4294967296;
  };
  for (let i = 0; i < 15; i += 1) next();
  const poisson = (mean: number): number => (mean < 12 ? fewEvents(mean, next) : manyEvents(mean, next));
  return { next, poisson, gamma: (shape) => gamma(shape, next) / shape };
}

function fewEvents(mean: number, next: () => number): number {
  let [count, left, term] = [0, next(), Math.exp(-mean)];
  while (left > term && count < 200) {
    left -= term;
    count += 1;
    term *= mean / count;
  }
  return count;
}

const logFactorials = [0, 0];
function logFactorial(k: number): number {
  if (k > 255) return (k + 0.5) * Math.log(k) - k + 0.9189385332046727 + 1 / (12 * k) - 1 / (360 * k ** 3);
  for (let i = logFactorials.length; i <= k; i += 1) logFactorials[i] = (logFactorials[i - 1] ?? 0) + Math.log(i);
  return logFactorials[k] ?? 0;
}

/** Transformed rejection, exact for means of 10 and more (Hörmann 1993, PTRS). */
function manyEvents(mean: number, next: () => number): number {
  const b = 0.931 + 2.53 * Math.sqrt(mean);
  const a = -0.059 + 0.02483 * b;
  const inverseAlpha = 1.1239 + 1.1328 / (b - 3.4);
  for (;;) {
    const u = next() - 0.5;
    const v = 1 - next();
    const us = 0.5 - Math.abs(u);
    const k = Math.floor(((2 * a) / us + b) * u + mean + 0.43);
    if (us >= 0.07 && v <= 0.9277 - 3.6224 / (b - 2)) return k;
    if (k < 0 || (us < 0.013 && v > us)) continue;
    const accepted = Math.log((v * inverseAlpha) / (a / (us * us) + b));
    if (accepted <= k * Math.log(mean) - mean - logFactorial(k)) return k;
  }
}

function standardNormal(next: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
}

/** Marsaglia & Tsang 2000; a shape under 1 is raised and thinned. */
function gamma(shape: number, next: () => number): number {
  if (shape < 1) return gamma(shape + 1, next) * (1 - next()) ** (1 / shape);
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  for (;;) {
    const x = standardNormal(next);
    const v = (1 + c * x) ** 3;
    if (v > 0 && Math.log(1 - next()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return d * v;
  }
}
