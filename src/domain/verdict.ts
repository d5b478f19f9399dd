/** Three values, never two: `unknown` never counts as `pass`, and each non-pass says why. */
export type Verdict =
  | { readonly kind: "pass" }
  | { readonly kind: "fail"; readonly reason: string }
  | { readonly kind: "unknown"; readonly reason: string };

export const pass: Verdict = { kind: "pass" };
export const fail = (reason: string): Verdict => ({ kind: "fail", reason });
export const unknown = (reason: string): Verdict => ({ kind: "unknown", reason });

/** The worst of several: one failure fails all; else one unknown makes all unknown; no verdict at all is unknown. */
export function worst(verdicts: readonly Verdict[]): Verdict {
  return (
    verdicts.find((verdict) => verdict.kind === "fail") ??
    verdicts.find((verdict) => verdict.kind === "unknown") ??
    (verdicts.length > 0 ? pass : unknown("nothing was checked"))
  );
}

/** How a verdict is told. Unknown is never drawn as good. */
export function toneOf({ kind }: Verdict): "ok" | "warn" | "bad" {
  if (kind === "pass") return "ok";
  return kind === "fail" ? "bad" : "warn";
}
