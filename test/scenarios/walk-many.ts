/** Walks for a test file: so many seeds from one on, or those that the environment names. */
import { expect, test } from "vitest";
import { walk } from "./walk.ts";

const only = Number(process.env.SLUICE_SEED ?? 0);
const given = Number(process.env.SLUICE_SEEDS ?? 0);

/** Two files, since the runner has two workers: each walks its own half. SLUICE_SEEDS is for each of them. */
export function manyWalks(title: string, file: string, half: 0 | 1): void {
  const count = given > 0 ? given : 600;
  const from = 1 + half * count;
  test(title, async () => {
    const startedAtMs = performance.now();
    const seeds = only > 0 ? [only] : Array.from({ length: count }, (_, n) => from + n);
    const outcomes = new Map<string, number>();
    for (const seed of seeds) {
      const { outcome } = await walk(seed).catch((thrown: Error) => {
        thrown.message = `seed ${seed}: ${thrown.message}\nSee it again: SLUICE_SEED=${seed} npx vitest run test/scenarios/${file}`;
        throw thrown;
      });
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    const perSecond = (1_000 * seeds.length) / (performance.now() - startedAtMs);
    const seen = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(", ");
    console.info(`${seeds.length} seeds, ${perSecond.toFixed(0)} per second: ${seen}`);
    // A walk that always takes the same way would prove little.
    if (seeds.length >= 100) expect(outcomes.size).toBeGreaterThanOrEqual(6);
  }, 600_000);
}
