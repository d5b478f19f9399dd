/**
 * A disk that fills up: under the state folder (database, router, logs) while a deployment runs, and under the backups. Either the
 * deployment waits and goes on, or it fails with the reason; the stable version serves, the lock is free, and nothing is lost.
 */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { endAll } from "../e2e/processes.ts";
import { filesIn, jsonLines, type TinyProject, tinyProject, told } from "../e2e/project.ts";
import { ledgerFacts, untilEvent } from "./evidence.ts";

const canMount = process.platform === "linux" && process.getuid?.() === 0;
if (!canMount) console.warn("skipped: a disk that fills up needs root on Linux, to mount a small tmpfs");

const rollout =
  "{ steps: [{ percent: 50, bake: 2s }, { percent: 100, bake: 500ms }], checkEvery: 100ms, failureLimit: 3, drainTimeout: 2s, limits: { minRequests: 5, errorRate: 0.05, errorRateRise: off, meanLatency: off, p95Latency: off }, unknownFor: 10s, unattended: 20s, keepStable: 0s, verdict: { mode: off } }";

const rolloutWithoutTraffic = rollout.replace("minRequests: 5, ", "").replaceAll(/bake: \d+m?s/g, "bake: 0s");

let project: TinyProject;
const mounted: string[] = [];

afterEach(async () => {
  await endAll(project?.folder ?? "nothing was started");
  for (const folder of mounted.splice(0)) execFileSync("umount", ["-l", folder]);
  await project?.stop();
}, 60_000);

function smallDisk(folder: string, size: string): void {
  mkdirSync(folder, { recursive: true });
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0755`, "tmpfs", folder]);
  mounted.push(folder);
}

/** Until the disk takes no more, not even a small file; the returned function gives the room back. */
function fillUp(folder: string): () => void {
  const filler = join(folder, "filler");
  for (const size of [1 << 20, 1 << 14, 1 << 12]) {
    try {
      for (let at = 0; at < 1_000; at++) writeFileSync(filler, Buffer.alloc(size, 7), { flag: "a" });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
    }
  }
  return () => rmSync(filler);
}

describe.skipIf(!canMount)("Z1 a disk that fills up", () => {
  test("Z1 under the state folder during a bake: it waits or fails with the reason, and the next one succeeds", {
    timeout: 180_000,
  }, async () => {
    project = await tinyProject({ environment: { rollout } });
    smallDisk(project.stateFolder, "160m");
    chmodSync(project.stateFolder, 0o755);
    const first = await project.sluice("deploy", "production", "v1.0.0");
    expect(first.exitCode, told(first)).toBe(0);
    project.traffic?.reset();
    const began = await project.sluice("deploy", "production", "v1.1.0", "--detach", "--json");
    const id = jsonLines(began)[0]?.deployment ?? told(began);
    await untilEvent(project, id, "the candidate has traffic", ({ detail }) => isShifted(detail));

    const free = fillUp(project.stateFolder);
    await pause(3_000);
    free();
    const ran = await project.sluice("resume", id, "--wait", "--json");

    const { row, lock, serves, record } = await ledgerFacts(project, id);
    console.log(`the disk was full for 3 s during a bake: ${row.outcome}`);
    expect(["succeeded", "rolled-back", "failed"], told(ran)).toContain(row.outcome);
    if (row.outcome !== "succeeded") expect(jsonLines(ran).at(-1)?.failure?.code, told(ran)).toBe("DISK_FULL");
    expect(lock, "the lock is free").toBeUndefined();
    expect(record, "the record is written").toBeDefined();
    expect((await project.ask())?.version, "ledger and world agree").toBe(serves);
    expect(project.traffic?.seen.lost, "no request was lost").toBe(0);
    const next = await project.sluice("deploy", "production", "v1.1.0");
    expect(next.exitCode, told(next)).toBe(0);
  });

  test("Z1 under the backups, before and after the plan: nothing is touched, no half backup counts, and then it succeeds", {
    timeout: 180_000,
  }, async () => {
    const approvals = "{ required: 0, wait: 3s }";
    project = await tinyProject({
      load: 20,
      database: true,
      environment: { rollout: rolloutWithoutTraffic, approvals },
    });
    const backups = join(project.stateFolder, "backups");
    smallDisk(backups, "1m");
    const freeAtFirst = fillUp(backups);
    const refused = await project.sluice("deploy", "production", "v1.0.0", "--json");
    freeAtFirst();
    const began = await project.sluice("deploy", "production", "v1.0.0", "--detach", "--json");
    const id = jsonLines(began)[0]?.deployment ?? told(began);
    await untilEvent(project, id, "it was checked", ({ step, phase }) => step === "preflight" && phase === "end");
    const free = fillUp(backups);

    const failed = await project.sluice("resume", id, "--wait", "--json");

    expect(refused.exitCode, told(refused)).toBe(3);
    expect(jsonLines(refused).at(-1)?.failure?.message, "pre-flight sees it").toContain("0 B free");
    expect(failed.exitCode, told(failed)).toBe(1);
    expect(jsonLines(failed).at(-1)?.failure?.code, told(failed)).toBe("DISK_FULL");
    expect(filesIn(backups), "no half backup").toEqual(["filler"]);
    expect((await ledgerFacts(project, id)).lock, "the lock is free").toBeUndefined();
    expect(await project.instances(), "nothing was started").toEqual([]);
    free();
    const again = await project.sluice("deploy", "production", "v1.0.0");
    expect(again.exitCode, told(again)).toBe(0);
  });
});

const isShifted = (detail: unknown): boolean => (detail as { readonly shifted?: boolean }).shifted === true;
