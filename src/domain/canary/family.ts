/**
 * Several metrics, one error bound: the weighted mean of e-processes is one itself, whatever the metrics have to do with each other
 * (Vovk & Wang 2021), and it is never weaker than testing each at its share of `alpha` (Bonferroni).
 */
import { logSum } from "./log-space.ts";

/** One metric's part: `weight` of the money, and the natural logarithm of its evidence. */
export interface FamilyMember {
  readonly name: string;
  readonly weight: number;
  readonly logE: number;
}

const logPart = ({ weight, logE }: FamilyMember): number => Math.log(weight) + logE;

/** `ln Σ w·E`. */
export const logFamily = (members: readonly FamilyMember[]): number => logSum(members.map(logPart));

/** What the family must reach: `ln(1/alpha)`. */
export const familyThreshold = (alpha: number): number => -Math.log(alpha);

/** The metric that says most: the largest `w·E`. The first of equals. */
export function loudest(members: readonly FamilyMember[]): FamilyMember | undefined {
  return members.reduce<FamilyMember | undefined>(
    (best, member) => (best === undefined || logPart(member) > logPart(best) ? member : best),
    undefined,
  );
}
