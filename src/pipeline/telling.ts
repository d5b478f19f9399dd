/**
 * The story of a run as it leaves the process: events into the ledger, notifications into the outbox. Everything passes the
 * redactor here. The ledger is the run's own, which is waited for (steady-ledger.ts).
 */
import type { NewEvent } from "../domain/events.ts";
import { asJson } from "../domain/json.ts";
import type { Notification } from "../domain/notification.ts";
import type { DeploymentRow } from "../ports/ledger.ts";
import type { Charge } from "./charge.ts";
import type { Parts } from "./parts.ts";
import type { Notify } from "./stage.ts";

export type Told = Omit<NewEvent, "deploymentId" | "environment" | "actor">;

export interface Telling {
  readonly append: (event: Told) => Promise<void>;
  readonly notify: Notify;
  /** Throws FlowLost unless this execution is still in charge. */
  readonly guard: () => Promise<void>;
}

export function openTelling(
  parts: Parts,
  row: DeploymentRow,
  charge: Pick<Charge, "attempt" | "lost" | "requireLock">,
): Telling {
  const { ledger, clock, redactor, settings } = parts;
  return {
    async append(event) {
      const clean = redactor.json(asJson(event)) as unknown as Told;
      const full: NewEvent = { ...clean, deploymentId: row.id, environment: row.environment, actor: null };
      await ledger.append(full, charge.attempt);
    },
    async notify(kind, text) {
      const notification: Notification = {
        kind,
        atMs: clock.now(),
        project: settings.project,
        environment: settings.environment,
        environmentUrl: settings.url,
        deploymentId: row.id,
        version: row.version,
        commit: row.commit,
        ...(row.kind === "rollback" ? { isRollback: true as const } : {}),
        backup: null,
        rollbackMinutesLeft: null,
        ...text,
      };
      const clean = redactor.json(asJson(notification)) as unknown as Notification;
      const { report: _, ...brief } = clean;
      const rows = parts.notifiers
        .filter((notifier) => notifier.wants(clean))
        .map(({ name, takesReport }) => ({
          key: `${row.id}/${kind}/${name}/${text.title}`,
          channel: name,
          notification: takesReport ? clean : brief,
        }));
      if (rows.length > 0) await ledger.enqueueNotifications(rows);
    },
    async guard() {
      charge.lost.throwIfAborted();
      await ledger.assertInCharge(charge.attempt);
      // Released by hand while nobody ran it: somebody else may be at work, whatever the journal says of our lock.
      charge.requireLock(row.environment, await ledger.lock(row.environment));
    },
  };
}
