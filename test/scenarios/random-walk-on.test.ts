/** Z5: the second half of the seeds of random-walk.test.ts, beside the first. */
import { manyWalks } from "./walk-many.ts";

manyWalks(
  "Z5 Z1 whatever else happens to a deployment, it ends, and tells the truth about its end",
  "random-walk-on.test.ts",
  1,
);
