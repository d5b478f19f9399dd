/**
 * Z5: any release, killed anywhere, cancelled at any time, beside others, with late and double messages, outages, lies and
 * take-overs of the living: whatever happens, it ends, and what it says of its end is what the world looks like (walk.ts,
 * walk-watch.ts, walk-invariants.ts). The other half of the seeds: random-walk-on.test.ts.
 *
 * SLUICE_SEEDS=<count> runs more, SLUICE_SEED=<seed> replays one: the command stands in each failure. Many more: npm run
 * simulate:soak.
 */
import { manyWalks } from "./walk-many.ts";

manyWalks(
  "Z5 Z1 whatever happens to a deployment, it ends, and tells the truth about its end",
  "random-walk.test.ts",
  0,
);
