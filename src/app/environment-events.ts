/** Events of the audit trail that belong to an environment and to no deployment. */
import { randomUUID } from "node:crypto";
import type { NewEvent } from "../domain/events.ts";
import type { Ledger } from "../ports/ledger.ts";

type EnvironmentEvent = Pick<NewEvent, "step" | "phase" | "title" | "tone" | "actor" | "detail"> & {
  /** Names what must be told once only; without it every call is an event of its own. */
  readonly key?: string;
};

export async function appendForEnvironment(
  ledger: Pick<Ledger, "append">,
  environment: string,
  event: EnvironmentEvent,
): Promise<void> {
  await ledger.append({ key: randomUUID(), ...event, deploymentId: null, environment }, null);
}
