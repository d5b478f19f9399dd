/**
 * X3 X4 X5: back by hand. A deployment of its own with a lock, a record and an undo, but on the fast path: the recorded version
 * is started where it is not running, gets all traffic at once, and is verified.
 */

import { humanDuration } from "../domain/duration.ts";
import { SluiceError } from "../domain/errors.ts";
import type { Serving } from "../domain/serving.ts";
import { servingNow, shiftTraffic } from "./deploy.ts";
import type { Parts } from "./parts.ts";
import type { Run } from "./run.ts";
import type { Stage } from "./stage.ts";
import { lock } from "./stages/lock.ts";
import { saveConfiguration } from "./stages/save-configuration.ts";

export interface RollbackRequest {
  readonly reason: string;
  /** Null: the version before. */
  readonly toVersion: string | null;
  /** Null: all components. */
  readonly component: string | null;
  /**
   * The deployment that served when the person was asked and agreed; what is returned to is the version before *it*. Where another
   * one serves by now the rollback is refused: it would go to a version that nobody meant. Absent: whatever serves.
   */
  readonly from?: string;
}

export interface RollbackTarget {
  readonly from: Serving;
  readonly to: Serving;
}

export async function rollBack(run: Run, request: RollbackRequest): Promise<void> {
  const { settings } = run.parts;
  const { from, to } = await run.do(chooseTarget, request);
  await run.do(lock, {
    environment: settings.environment,
    heldBy: run.row.startedBy,
    replaces: from.deploymentId,
    onBusy: settings.lock.onBusy,
    queueTimeoutMs: settings.lock.queueTimeoutMs,
  });
  await run.do(saveConfiguration, { serving: from });
  // At once: a way back must not be walked in steps (hosts-and-routers.md, pain 17).
  const atOnce = { strategy: "steps", steps: [{ percent: 100, bakeMs: 0 }] } as const;
  const verdict = { ...settings.rollout.verdict, mode: "off" } as const;
  await shiftTraffic(run, to.version, to.components, from, { ...settings.rollout, ...atOnce, verdict });
}

export const chooseTarget: Stage<RollbackRequest, RollbackRequest, RollbackTarget> = {
  name: "choose version",
  touches: "nothing",
  plan: () => [],
  expectedMs: () => 500,
  prepare: (request) => request,
  run: (request, { parts, signal }) => rollbackTarget(parts, request, signal),
  summary: ({ from, to }) => `from ${from.version} to ${to.version}, whose artifacts are there and unchanged`,
};

interface Served {
  readonly from: Serving;
  /** Newest first. */
  readonly earlier: readonly Serving[];
}

/** @param meant the deployment that must still serve; undefined: whatever serves. */
async function servedIn(parts: Parts, meant: string | undefined): Promise<Served> {
  const { environment } = parts.settings;
  const from = await servingNow(parts);
  if (from === null)
    throw unavailable(`Nothing serves in ${environment}, so there is nothing to roll back.`, environment);
  // Read after what serves: what was promoted in between must not be taken for an earlier one.
  const history = await parts.ledger.servingHistory(environment, 50);
  const served = history.map(({ detail }) => detail as unknown as Serving);
  const newest = served[0] ?? from;
  if (newest.deploymentId !== from.deploymentId || newest.deploymentId !== (meant ?? newest.deploymentId)) {
    throw overtaken(newest, environment);
  }
  const isEarlier = ({ deploymentId, version }: Serving) =>
    deploymentId !== from.deploymentId && version !== from.version;
  return { from, earlier: served.filter(isEarlier) };
}

/** Also what the dry run shows: the recorded version, proven to be startable (X6). */
export async function rollbackTarget(
  parts: Parts,
  request: RollbackRequest,
  signal: AbortSignal,
): Promise<RollbackTarget> {
  const { environment } = parts.settings;
  const { from, earlier } = await servedIn(parts, request.from);
  const chosen = request.toVersion === null ? earlier[0] : earlier.find(({ version }) => version === request.toVersion);
  if (chosen === undefined) {
    const there = [...new Set(earlier.map(({ version }) => version))].join(", ") || "none";
    throw unavailable(
      `${request.toVersion ?? "A previous version"} never served ${environment} well. Recorded versions: ${there}.`,
      environment,
    );
  }
  for (const { component, artifact } of chosen.components) {
    const { available, reason } = await parts.target.available(artifact, signal);
    if (!available)
      throw unavailable(`${component} ${chosen.version} cannot be started again: ${reason}.`, environment);
  }
  return { from, to: onlyComponent(from, chosen, request.component, environment) };
}

/** X4: one component goes back, the others stay as they are. */
function onlyComponent(from: Serving, to: Serving, component: string | null, environment: string): Serving {
  if (component === null) return to;
  const back = to.components.find((each) => each.component === component);
  if (back === undefined) throw unavailable(`${to.version} has no component ${component}.`, environment);
  return {
    ...to,
    version: from.version === to.version ? to.version : `${from.version}+${component}-${to.version}`,
    components: from.components.map((each) => (each.component === component ? back : each)),
  };
}

/** X3: after the window only the emergency switch opens it again. */
export function windowFault(parts: Parts, from: Serving, nowMs: number): string | undefined {
  const { windowMs } = parts.settings.rollback;
  const closedForMs = nowMs - (from.sinceMs + windowMs);
  return closedForMs > 0
    ? `The rollback window of ${humanDuration(windowMs)} for ${from.version} ended ${humanDuration(closedForMs)} ago.`
    : undefined;
}

const overtaken = (now: Serving, environment: string): SluiceError =>
  unavailable(
    `${now.version} serves ${environment} by now (deployment ${now.deploymentId}): it is not what was to be rolled back. Look again before you go back.`,
    environment,
  );

function unavailable(message: string, environment: string): SluiceError {
  return new SluiceError({
    code: "ROLLBACK_UNAVAILABLE",
    remedy: "operator",
    at: "pipeline.rollback",
    message,
    hint: `Nothing was touched. See which versions served: sluice history ${environment}`,
  });
}
