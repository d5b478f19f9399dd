/** The part of the ledger contract about what is kept: what serves, notifications to send, records. */
import { expect } from "vitest";
import type { Notification } from "../domain/notification.ts";
import type { AtDesk } from "./ledger-desk.ts";

export function servingContract(atDesk: AtDesk): void {
  atDesk("X6 remembers what serves and what served before", async ({ ledger, environment, begun }) => {
    const [one, two] = [await begun(), await begun()];
    const row = (deploymentId: string, version: string) => ({
      environment,
      deploymentId,
      version,
      commit: "3f2a9c1b22aa",
      sinceMs: 1_763_673_600_000,
      detail: { components: [version] },
    });

    expect(await ledger.serving(environment)).toBeUndefined();
    await ledger.setServing(row(one.id, "v1"), one.attempt);
    await ledger.setServing(row(two.id, "v2"), two.attempt);
    await ledger.setServing(row(two.id, "v2"), two.attempt);

    expect(await ledger.serving(environment)).toEqual(row(two.id, "v2"));
    expect(await ledger.servingHistory(environment, 5)).toEqual([row(two.id, "v2"), row(one.id, "v1")]);
    expect(await ledger.servingHistory(environment, 1)).toHaveLength(1);
    await ledger.clearServing(environment, two.attempt);
    await ledger.clearServing(environment, two.attempt);
    expect(await ledger.serving(environment)).toBeUndefined();
    expect(await ledger.servingHistory(environment, 5)).toEqual([row(one.id, "v1")]);
  });

  atDesk("D1 replaces a record as a whole", async ({ ledger, deployment }) => {
    const { id } = await deployment();

    await ledger.saveRecord(id, { status: "success", notes: [] });
    await ledger.saveRecord(id, { status: "success", notes: ["late line"] });

    expect(await ledger.record(id)).toEqual({ status: "success", notes: ["late line"] });
    expect(await ledger.record("unheard-of")).toBeUndefined();
  });
}

export function outboxContract(atDesk: AtDesk): void {
  atDesk("N1 each notification is due until it is delivered, once per key, and again after a pause", async (desk) => {
    const { ledger, pass, deployment } = desk;
    const { id } = await deployment();
    const row = (channel: string) => ({ key: `${id}:${channel}`, channel, notification: notification(id) });
    const due = async () => (await ledger.dueNotifications(10, id)).map(({ channel }) => channel);

    await ledger.enqueueNotifications([row("slack"), row("file")]);
    await ledger.enqueueNotifications([row("slack")]);
    expect(await due()).toEqual(["slack", "file"]);
    await ledger.notificationDelivered(`${id}:file`);
    await ledger.notificationFailed(`${id}:slack`, "503", 200);

    expect(await due()).toEqual([]);
    expect(await ledger.undelivered(id)).toEqual([
      {
        key: `${id}:slack`,
        deploymentId: id,
        channel: "slack",
        notification: notification(id),
        attempts: 1,
        lastError: "503",
        deliveredAtMs: null,
        gaveUpAtMs: null,
        thread: null,
      },
    ]);
    await pass(300);
    expect(await due()).toEqual(["slack"]);
    await ledger.notificationDelivered(`${id}:slack`);
    expect(await ledger.undelivered(id)).toEqual([]);
  });

  atDesk("N1 what ended deployments left undelivered goes to one who asks for it, not to two", async (desk) => {
    const { ledger, pass, environment } = desk;
    const { id, attempt } = await desk.begun();
    const told = { ...notification(id), environment };
    await ledger.enqueueNotifications([{ key: `${id}:slack`, channel: "slack", notification: told }]);
    const claimed = async () => (await ledger.claimLeftNotifications(environment, 10, 200)).map(({ key }) => key);

    expect(await claimed(), "its own process still attends to it").toEqual([]);
    await ledger.finish(id, "succeeded", attempt);

    expect(await ledger.claimLeftNotifications("elsewhere", 10, 200)).toEqual([]);
    expect([...(await claimed()), ...(await claimed())]).toEqual([`${id}:slack`]);
    await pass(300);
    expect(await claimed()).toEqual([`${id}:slack`]);
  });
  outboxLinesContract(atDesk);
}

function outboxLinesContract(atDesk: AtDesk): void {
  atDesk("N3 what a channel hears of one deployment stays in order, and others do not wait for it", async (desk) => {
    const { ledger, pass, deployment } = desk;
    const [one, two] = [await deployment(), await deployment()];
    const row = (id: string, what: string) => ({
      key: `${id}:${what}`,
      channel: "slack",
      notification: notification(id),
    });
    const due = async (id: string) => (await ledger.dueNotifications(10, id)).map(({ key, thread }) => [key, thread]);
    await ledger.enqueueNotifications(["a", "b", "c"].map((what) => row(one.id, what)));
    await ledger.enqueueNotifications([row(two.id, "a")]);

    await ledger.notificationDelivered(`${one.id}:a`, { ts: "17.1" });
    await ledger.notificationFailed(`${one.id}:b`, "503", 200);

    expect(await due(one.id), "c does not pass b").toEqual([]);
    expect(await due(two.id)).toEqual([[`${two.id}:a`, null]]);
    await pass(300);
    expect(await due(one.id)).toEqual([
      [`${one.id}:b`, { ts: "17.1" }],
      [`${one.id}:c`, { ts: "17.1" }],
    ]);
  });

  atDesk("N3 what was given up holds nobody up, is kept, and is due again when a person says so", async (desk) => {
    const { ledger, environment, begun } = desk;
    const { id, attempt } = await begun();
    const told = { ...notification(id), environment };
    const row = (what: string) => ({ key: `${id}:${what}`, channel: "mail", notification: told });
    await ledger.enqueueNotifications([row("a"), row("b")]);
    const due = async () => (await ledger.dueNotifications(10, id)).map(({ key }) => key);

    await ledger.notificationFailed(`${id}:a`, "550 no such mailbox", null);

    expect(await due()).toEqual([`${id}:b`]);
    const [kept] = await ledger.undelivered(id);
    expect(kept).toMatchObject({ key: `${id}:a`, attempts: 1, lastError: "550 no such mailbox" });
    expect(kept?.gaveUpAtMs).toBeGreaterThan(0);
    expect(await ledger.reviveNotifications(environment, "slack")).toBe(0);
    expect(await ledger.reviveNotifications(environment, "mail")).toBe(1);
    expect(await due()).toEqual([`${id}:a`, `${id}:b`]);

    await ledger.notificationFailed(`${id}:a`, "550 no such mailbox", null);
    await ledger.notificationDelivered(`${id}:b`);
    const beat = { id, attempt, leaseMs: 60_000 };
    expect((await ledger.heartbeats([beat]))[0]?.hasNotifications, "what was given up is not waited for").toBe(false);
  });
}

const notification = (deploymentId: string): Notification => ({
  kind: "started",
  atMs: 1_763_673_600_000,
  project: "shop",
  environment: "production",
  environmentUrl: null,
  deploymentId,
  version: "v1.2.0",
  title: "Deploying v1.2.0",
  message: "It has begun.",
  backup: null,
  rollbackMinutesLeft: null,
  next: "sluice status",
});
