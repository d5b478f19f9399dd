/** What the simulated GitHub shows, as a person would look it up. */
import type { SimulatedIssue, SimulatedRepository } from "../../test/github/world.ts";

/** The newest status of the commit's newest deployment to the environment. */
export const latestState = (
  { deployments }: SimulatedRepository,
  commit: string,
  environment: string,
): string | undefined =>
  deployments.findLast((each) => each.sha === commit && each.environment === environment)?.statuses.at(-1)?.state;

export const openIssues = ({ issues }: SimulatedRepository): readonly SimulatedIssue[] =>
  issues.filter(({ state }) => state === "open");
