/**
 * The story of a run as it leaves the process: events into the ledger, notifications into the outbox, lines into the folder.
 * Everything passes the redactor here, and the ledger is waited for: it may be away for a while, and nothing may be done
 * without it, but nothing is undone because of it either.
 */
import type { Attempt } from "../domain/attempt.ts";
import { SluiceError } from "../domain/errors.ts";
import type { NewEvent } from "../domain/events.ts";
import { asJson } from "../domain/json.ts";
import type { Notification } from "../domain/notification.ts";
import { FlowLost } from "../ports/flow.ts";
import type { DeploymentRow } from "../ports/ledger.ts";
import type { Parts } from "./parts.ts";
import type { Notify } from "./stage.ts";

export type Told = Omit<NewEvent, "deploymentId" | "environment" | "actor">;

export interface Telling {
  readonly append: (event: Told) => Promise<void>;
  readonly notify: Notify;
  /** Throws FlowLost unless this execution is still in charge. */
  readonly guard: () => Promise<void>;
}

const ledgerRetryMs = 500;

export function openTelling(
  parts: Parts,
  row: DeploymentRow,
  own: { readonly attempt: () => Attempt; readonly lost: AbortSignal },
): Telling {
  const { ledger, clock, redactor, settings } = parts;

  const steadily = <T>(action: () => Promise<T>): Promise<T> =>
    whileAway(action, () => clock.sleep(ledgerRetryMs, own.lost));

  return {
    async append(event) {
      const clean = redactor.json(asJson(event)) as unknown as Told;
      const full: NewEvent = { ...clean, deploymentId: row.id, environment: row.environment, actor: null };
      await steadily(() => ledger.append(full, own.attempt()));
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
        backup: null,
        rollbackMinutesLeft: null,
        ...text,
      };
      const clean = redactor.json(asJson(notification)) as unknown as Notification;
      const rows = parts.notifiers
        .filter((notifier) => notifier.wants(clean))
        .map(({ name }) => ({ key: `${row.id}/${kind}/${name}/${text.title}`, channel: name, notification: clean }));
      if (rows.length > 0) await steadily(() => ledger.enqueueNotifications(rows));
    },
    async guard() {
      own.lost.throwIfAborted();
      await steadily(() => ledger.assertInCharge(own.attempt()));
    },
  };
}

async function whileAway<T>(action: () => Promise<T>, wait: () => Promise<void>): Promise<T> {
  for (;;) {
    const result = await action().then(
      (value) => ({ value }),
      (thrown: unknown) => ({ thrown }),
    );
    if ("value" in result) return result.value;
    if (!isAway(result.thrown)) throw result.thrown;
    await wait();
  }
}

function isAway(thrown: unknown): boolean {
  if (!(thrown instanceof SluiceError)) return false;
  // Being stale is not a failure of the deployment: somebody else is running it.
  if (thrown.failure.code === "STALE_ATTEMPT") throw new FlowLost(thrown.message);
  return thrown.failure.code === "LEDGER_UNREACHABLE";
}
