/**
 * How durations and sizes are written in sluice.yaml: `300ms`, `5m`, `1h30m`, `1GiB`. Always with a unit, because "30" has
 * meant seconds, minutes and milliseconds in every deploy script we replaced.
 */

/** At least one part, each unit once, the largest first. Also the pattern in the JSON Schema, so plain syntax only. */
export const durationPattern =
  /^(?=[0-9])(?:[0-9]{1,5}d)?(?:[0-9]{1,5}h)?(?:[0-9]{1,6}m)?(?:[0-9]{1,7}s)?(?:[0-9]{1,9}ms)?$/;
export const sizePattern = /^[0-9]{1,9}(?:B|kB|MB|GB|TB|KiB|MiB|GiB|TiB)$/;

const unitMs = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;
const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40,
};

/** Milliseconds. The text must match `durationPattern`. */
export function durationMs(text: string): number {
  return [...text.matchAll(/([0-9]+)(ms|[dhms])/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * unitMs[unit as keyof typeof unitMs],
    0,
  );
}

/** Bytes. The text must match `sizePattern`. */
export function sizeBytes(text: string): number {
  const unit = text.replace(/^[0-9]+/, "");
  return Number.parseInt(text, 10) * (unitBytes[unit] ?? 1);
}

/** The shortest way to write it: 90000 → `1m30s`. */
export function durationText(ms: number): string {
  let rest = ms;
  let text = "";
  for (const [unit, size] of Object.entries(unitMs)) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count > 0) text += `${count}${unit}`;
  }
  return text === "" ? "0s" : text;
}

export function sizeText(bytes: number): string {
  const fits = Object.entries(unitBytes).filter(([, size]) => bytes >= size && bytes % size === 0);
  const [unit, size] = fits.sort(([, a], [, b]) => b - a)[0] ?? ["B", 1];
  return `${bytes / size}${unit}`;
}

/** What was probably meant by `5 min`, `1.5h` or `2 hours`; undefined where it cannot be told. */
export function nearestDuration(text: string): string | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)\s*(ms|milli|msec|s|sec|m|min|h|hr|hour|d|day)[a-z]*$/i.exec(text.trim());
  if (!match) return undefined;
  const [, count, word = ""] = match;
  const unit = /^m(s|illi)/i.test(word) ? "ms" : word.charAt(0).toLowerCase();
  const ms = Math.round(Number(count) * unitMs[unit as keyof typeof unitMs]);
  return ms < 400 * unitMs.d ? durationText(ms) : undefined;
}
