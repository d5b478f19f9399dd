/**
 * T4: CI once more, with the lock held. Hours may lie between pre-flight and the last approval, and a check that was run again
 * in the meantime may have failed.
 */
import { SluiceError } from "../../domain/errors.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import type { Stage } from "../stage.ts";

interface ConfirmCi {
  readonly commit: string;
}

/** Where CI merely warns, it has warned. */
export const mustConfirmCi = ({ checks }: EnvironmentSettings): boolean => checks.ci === "block";

export const confirmCi: Stage<ConfirmCi, ConfirmCi, string> = {
  name: "confirm-ci",
  touches: "nothing",
  plan: ({ settings }) => (mustConfirmCi(settings) ? ["CI is asked once more before anything changes"] : []),
  expectedMs: () => 1_000,
  prepare: (input) => input,
  async run({ commit }, { parts, signal, deploymentId }) {
    const { verdict, detail } = (await parts.ciGate?.passed(commit, signal)) ?? nobody;
    if (verdict.kind === "pass") return detail;
    throw new SluiceError({
      code: "CI_NOT_PASSED",
      remedy: "operator",
      at: "stages.confirm-ci",
      message: `CI of ${commit.slice(0, 12)} passed before the approval and does not any more: ${verdict.reason}`,
      hint: `Nothing was touched. See what was approved: sluice status ${deploymentId}`,
    });
  },
  summary: (detail) => detail,
};

const nobody = { verdict: { kind: "unknown", reason: "there is nobody to ask" }, detail: "" } as const;
