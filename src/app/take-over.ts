/** L2: targets that belong to another ledger (a lost state folder, another machine) are made to obey this one. */
import { ruleOnFence } from "../domain/attempt.ts";
import { asJson } from "../domain/json.ts";
import type { Parts } from "../pipeline/parts.ts";
import { appendForEnvironment } from "./environment-events.ts";

export interface FencedPart {
  readonly what: string;
  readonly ledgerId: string | null;
  readonly lastDeployment: string | null;
  readonly foreign: boolean;
}

/** Whom each target and router obeys now. */
export async function fencesOf(parts: Parts, signal: AbortSignal): Promise<readonly FencedPart[]> {
  const named = [
    ["target", parts.target] as const,
    ...[...parts.routers].map(([name, router]) => [`router of ${name}`, router] as const),
  ];
  return Promise.all(
    named.map(async ([what, part]) => {
      const fence = await part.fence(signal);
      const attempt = { ledgerId: parts.ledger.id, n: Number.MAX_SAFE_INTEGER, deploymentId: "" };
      const foreign = ruleOnFence(fence, attempt) === "foreign";
      return { what, ledgerId: fence?.ledgerId ?? null, lastDeployment: fence?.deploymentId ?? null, foreign };
    }),
  );
}

/** Written to the audit trail first: what was done must not be missing from it. */
export async function takeOver(
  parts: Parts,
  by: string,
  reason: string,
  signal: AbortSignal,
): Promise<readonly FencedPart[]> {
  const fences = await fencesOf(parts, signal);
  await appendForEnvironment(parts.ledger, parts.settings.environment, {
    step: "lock take-over",
    phase: "progress",
    title: `${by} took over ${fences.map(({ what }) => what).join(", ")}: ${reason}`,
    tone: "warn",
    actor: by,
    detail: asJson({ reason, fences }),
  });
  if (fences.some(({ what, foreign }) => what === "target" && foreign)) await parts.target.disown(reason, signal);
  for (const [component, router] of parts.routers) {
    if (fences.some(({ what, foreign }) => foreign && what === `router of ${component}`))
      await router.disown(reason, signal);
  }
  return fences;
}
