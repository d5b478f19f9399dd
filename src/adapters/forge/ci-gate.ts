/**
 * T4 T7: asks the forge whether the required checks of exactly one commit have passed. What is missing or under way is waited for
 * up to a limit; a forge that does not answer leaves it unknown, which is never a pass.
 */
import { failureOf } from "../../domain/errors.ts";
import { type ChecksRuling, type RequiredCheck, ruleOnChecks } from "../../domain/required-checks.ts";
import { fail, pass, unknown, type Verdict } from "../../domain/verdict.ts";
import type { CiGate } from "../../ports/ci-gate.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Forge } from "../../ports/forge.ts";

export interface ForgeCiGateOptions {
  readonly forge: Pick<Forge, "kind" | "repository" | "checks" | "clockAheadMs">;
  readonly required: readonly RequiredCheck[];
  readonly clock: Clock;
  /** How long a missing or running check is waited for. */
  readonly timeoutMs: number;
  /** Default 10 s. */
  readonly askEveryMs?: number;
}

const commitId = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

type Seen = ChecksRuling | { readonly kind: "silent"; readonly reason: string };

export function forgeCiGate(options: ForgeCiGateOptions): CiGate {
  const { forge, required, clock, timeoutMs, askEveryMs = 10_000 } = options;

  /** Only what may pass by itself is waited for; a refusal says what a person must do. */
  async function look(commit: string, signal: AbortSignal): Promise<Seen> {
    try {
      return ruleOnChecks(required, await forge.checks(commit, signal));
    } catch (thrown) {
      signal.throwIfAborted();
      const failure = failureOf(thrown, "ci");
      if (failure.code !== "FORGE_UNREACHABLE") throw thrown;
      return { kind: "silent", reason: failure.message };
    }
  }

  return {
    kind: forge.kind,
    async passed(commit, signal) {
      if (!commitId.test(commit))
        return { verdict: unknown("the commit id is not a full one"), detail: commit.slice(0, 80) };
      const endsAtMs = clock.now() + timeoutMs;
      for (;;) {
        const seen = await look(commit, signal);
        const over = clock.now() + askEveryMs > endsAtMs;
        const verdict = verdictOn(seen, over ? timeoutMs : undefined);
        if (verdict) return { verdict, detail: `${detailOf(seen, verdict)}${skewNote(forge.clockAheadMs())}` };
        await clock.sleep(askEveryMs, signal);
      }
    },
  };
}

/** Undefined: worth waiting for. `waitedMs`: no longer. */
function verdictOn(seen: Seen, waitedMs: number | undefined): Verdict | undefined {
  if (seen.kind === "passed") return pass;
  if (seen.kind === "failed") return fail(seen.reason);
  if (waitedMs === undefined) return undefined;
  if (seen.kind === "silent") return unknown(seen.reason);
  if (seen.missing.length > 0) return fail(`missing: ${seen.missing.join(", ")}`);
  return unknown(`still running after ${waitedMs / 1000} s: ${seen.pending.join(", ")}`);
}

const detailOf = (seen: Seen, verdict: Verdict): string =>
  seen.kind === "passed" ? seen.detail : verdict.kind === "pass" ? "" : verdict.reason;

/** Not a fault of CI, but the first thing to know when an App's token is refused one day. */
const mostSkewMs = 30_000;
const skewNote = (aheadMs: number | undefined): string =>
  aheadMs === undefined || Math.abs(aheadMs) < mostSkewMs
    ? ""
    : `; this machine's clock is ${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? "behind" : "ahead of"} the forge's`;
