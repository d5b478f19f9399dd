/** What one test of the ledger contract works with. */
import { createHash } from "node:crypto";
import type { Attempt } from "../domain/attempt.ts";
import { canonicalEvent, type DeploymentEvent, type NewEvent } from "../domain/events.ts";
import type { DeploymentRow, Ledger, LockAnswer } from "../ports/ledger.ts";

export interface LedgerWorld {
  /** May hold other tests' rows. */
  readonly ledger: Ledger;
  /** Makes the ledger's clock stand at least `ms` later. */
  readonly pass: (ms: number) => Promise<void>;
  readonly dispose: () => Promise<void>;
}

/** What one test works with: an environment of its own. */
export interface Desk extends LedgerWorld {
  readonly environment: string;
  deployment(): Promise<DeploymentRow>;
  /** A deployment with an attempt in charge. */
  begun(): Promise<{ readonly id: string; readonly attempt: Attempt }>;
}

export type AtDesk = (title: string, body: (desk: Desk) => Promise<void>) => void;

let desks = 0;

export function deskIn(world: LedgerWorld): Desk {
  const environment = `env-${process.pid}-${++desks}`;
  const deployment = () =>
    world.ledger.createDeployment({
      id: `d-${environment}`,
      project: "shop",
      environment,
      kind: "deploy",
      version: "v1.2.0",
      commit: "3f2a9c1b22aa",
      startedBy: "ada",
      input: { plan: ["build", 1, null] },
      applicationVersion: "1",
    });
  const begun = async () => {
    const { id } = await deployment();
    return { id, attempt: await world.ledger.beginAttempt(id, executor("e1")) };
  };
  return { ...world, environment, deployment, begun };
}

export const executor = (id: string) => ({ id, host: "build-1", pid: 4711 });

export const stale = { failure: { code: "STALE_ATTEMPT" } };

export function acquired(result: LockAnswer): Attempt {
  if (result.kind !== "acquired") throw new Error(`the lock was not acquired: ${JSON.stringify(result)}`);
  return result.attempt;
}

export const event = (deploymentId: string | null, environment: string, key: string): NewEvent => ({
  deploymentId,
  environment,
  step: "backup",
  phase: "progress",
  key,
  title: `${key} happened`,
  tone: "info",
  actor: null,
  detail: { z: 1, a: { y: [1, 2], b: null } },
});

/** From the first event on, in order. */
export function chainHolds(events: readonly DeploymentEvent[]): boolean {
  let before = "";
  return events.every(({ hash, ...facts }, n) => {
    const wanted = createHash("sha256").update(before).update(canonicalEvent(facts)).digest("hex");
    before = hash;
    return hash === wanted && facts.seq === n + 1;
  });
}
