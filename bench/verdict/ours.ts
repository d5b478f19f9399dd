/** The shipped test as a rule of the bench: the errors metric at a quarter of the family, nothing added from other metrics. */
import { dispersionUpper, noDispersion, stepDispersion } from "../../src/domain/canary/dispersion.ts";
import { familyThreshold } from "../../src/domain/canary/family.ts";
import { logEvidence } from "../../src/domain/canary/mixture.ts";
import { canaryDefaults, metricDefaults } from "../../src/domain/canary/plan.ts";
import {
  beginRateEvidence,
  logRateEvidence,
  type RateEvidence,
  stepRateEvidence,
} from "../../src/domain/canary/rate-test.ts";
import type { Judge, Rule } from "./rule.ts";
import { bucketSeconds, horizonBuckets, trafficOf } from "./traffic.ts";

const threshold = familyThreshold(canaryDefaults.alpha * metricDefaults.rate.weight);
const historyBuckets = 120;

interface Variant {
  readonly name: string;
  readonly sharp?: boolean;
  readonly warmupBuckets?: number;
  /** Ten minutes of the stable version alone are seen before the candidate comes. */
  readonly measured?: boolean;
}

function variant({ name, sharp = false, warmupBuckets = 0, measured = false }: Variant): Rule {
  return {
    name,
    begin(scene, random): Judge {
      let evidence: RateEvidence = beginRateEvidence();
      let dispersion = noDispersion;
      const watch = (index: number, parts: Parameters<typeof stepDispersion>[2]): void => {
        if (measured) dispersion = stepDispersion(dispersion, index * bucketSeconds * 1000, parts);
      };
      if (measured) {
        const before = trafficOf(scene, random);
        for (let index = -historyBuckets; index < 0; index += 1) {
          const { stable, shards } = before(index, 0);
          watch(index, shards ?? [stable]);
        }
      }
      return ({ candidate, stable, shards }, index) => {
        const phi = measured ? (dispersionUpper(dispersion) ?? metricDefaults.rate.phiUntilMeasured) : 1;
        const warmingUp = index < warmupBuckets;
        const step = { candidate, stable, phi, warmingUp, horizonBuckets };
        evidence = stepRateEvidence(metricDefaults.rate, evidence, step);
        watch(index, shards ?? [stable]);
        const logE = sharp ? logEvidence(evidence.sharp, horizonBuckets) : logRateEvidence(evidence, horizonBuckets);
        return logE >= threshold;
      };
    },
  };
}

export const ourRule = variant({ name: "Sluice" });
export const ourSharpRule = variant({ name: "Sluice, any difference", sharp: true });
export const ourWarmRule = variant({ name: "Sluice, 60 s warm-up", warmupBuckets: 12 });
export const ourMeasuredRule = variant({ name: "Sluice, dispersion measured", measured: true });
export const ourShippedRule = variant({ name: "Sluice as shipped (both)", measured: true, warmupBuckets: 12 });
