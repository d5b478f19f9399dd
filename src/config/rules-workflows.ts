/** T1: a push that can never come starts nothing. */
import type { Rule } from "./findings.ts";

const pushesCanCome: Rule = ({ environments, fault }) => {
  for (const { complete, place } of environments) {
    const { start, tags, branches } = complete;
    if (start.includes("tag-push") && tags.length === 0)
      fault(place("start"), "no tag may be deployed here, so no push of one starts anything", "name them under `tags`");
    if (start.includes("branch-push") && branches.length === 0)
      fault(place("start"), "no branch may be deployed here, so no push starts anything", "write branches: [main]");
    if (start.includes("call") && branches.length === 0)
      fault(
        place("start"),
        "ci-cd calls it after a push to a branch, and none may be deployed here",
        "write branches: [main]",
      );
  }
};

export const workflowRules: readonly Rule[] = [pushesCanCome];
