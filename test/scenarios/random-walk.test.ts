/**
 * Z5: any release, killed anywhere, cancelled at any time, with late and double messages, outages and take-overs of the living:
 * whatever happens, it ends, and what it says of its end is what the world looks like (walk.ts, walk-invariants.ts).
 *
 * SLUICE_SEEDS=<count> runs more, SLUICE_SEED=<seed> replays one: the command stands in each failure. Many more: npm run
 * simulate:soak.
 */
import { expect, test } from "vitest";
import { walk } from "./walk.ts";

const only = Number(process.env.SLUICE_SEED ?? 0);
const count = Number(process.env.SLUICE_SEEDS ?? 300);

test("Z5 Z1 whatever happens to a deployment, it ends, and tells the truth about its end", async () => {
  const startedAtMs = performance.now();
  const seeds = only > 0 ? [only] : Array.from({ length: count }, (_, n) => n + 1);
  const outcomes = new Map<string, number>();
  for (const seed of seeds) {
    const { outcome } = await walk(seed).catch((thrown: Error) => {
      thrown.message = `seed ${seed}: ${thrown.message}\nSee it again: SLUICE_SEED=${seed} npx vitest run test/scenarios/random-walk.test.ts`;
      throw thrown;
    });
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  }
  const perSecond = (1_000 * seeds.length) / (performance.now() - startedAtMs);
  const seen = [...outcomes].map(([outcome, times]) => `${outcome} ${times}`).join(", ");
  console.info(`${seeds.length} seeds, ${perSecond.toFixed(0)} per second: ${seen}`);
  // A walk that always takes the same way would prove little.
  if (seeds.length >= 100) expect(outcomes.size).toBeGreaterThanOrEqual(6);
}, 300_000);
