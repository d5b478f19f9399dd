import { appendFile, mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Notification } from "../../domain/notification.ts";
import { logFileNotifier } from "./log-file-notifier.ts";

const notification: Notification = {
  kind: "failed",
  atMs: Date.UTC(2026, 10, 20),
  project: "shop",
  environment: "production",
  environmentUrl: null,
  deploymentId: "d-1",
  version: "v1.2.0",
  title: "failed",
  message: "two\nlines\u001b[31m\u009b31m",
  backup: null,
  rollbackMinutesLeft: 5,
  next: "sluice logs d-1",
};

const { signal } = new AbortController();
let folder: string;
let file: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-log-"));
  file = join(folder, "logs", "notifications.jsonl");
});
afterEach(() => rm(folder, { recursive: true }));

const lines = async (): Promise<readonly string[]> => (await readFile(file, "utf8")).split("\n").slice(0, -1);

test("N2 each notification is one JSON line, in a file that only its owner reads", async () => {
  const log = logFileNotifier({ file });

  await log.tell(notification, "a", signal);
  await log.tell(notification, "b", signal);

  const entries = (await lines()).map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(entries.map(({ key }) => key)).toEqual(["a", "b"]);
  expect(entries[0]).toMatchObject({ at: "2026-11-20T00:00:00.000Z", version: "v1.2.0", message: "two\nlines" });
  expect((await stat(file)).mode & 0o777).toBe(0o600);
});

test("N3 a repeated delivery writes no second line", async () => {
  await logFileNotifier({ file }).tell(notification, "a", signal);
  await logFileNotifier({ file }).tell(notification, "a", signal);

  expect(await lines()).toHaveLength(1);
});

test("N3 many at once all arrive, each on its own line", async () => {
  const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);

  await Promise.all(keys.map((key) => logFileNotifier({ file }).tell(notification, key, signal)));

  const arrived = (await lines()).map((line) => (JSON.parse(line) as { key: string }).key);
  expect(arrived.sort()).toEqual(keys.sort());
});

test("N3 a line that a crash cut short does not swallow the next one", async () => {
  const log = logFileNotifier({ file });
  await log.tell(notification, "a", signal);
  await appendFile(file, '{"key":"b","at":"20');

  await log.tell(notification, "b", signal);

  expect(JSON.parse((await lines()).at(-1) ?? "")).toMatchObject({ key: "b" });
});

test("N3 a file that cannot be written rejects, so that the outbox tries again", async () => {
  const log = logFileNotifier({ file: folder });

  await expect(log.tell(notification, "a", signal)).rejects.toMatchObject({
    failure: { code: "NOTIFICATION_FAILED", remedy: "retry", message: expect.stringContaining("EISDIR") },
  });
});
