import { describe, expect, test } from "vitest";
import type { BackupManifest } from "./backup.ts";
import type { DeploymentEvent } from "./events.ts";
import { type FailureFacts, failureReport, impactOf, incidentJson } from "./failure-report.ts";
import { type RollbackGuide, recordText, rollbackInstructions, rollbackScript } from "./reports.ts";

import type { RecordedVerdict } from "./verdict-record.ts";

const backup = {
  id: "production-main-20261120T120000Z-1",
  database: "main",
  level: "readable",
  takenAtMs: Date.UTC(2026, 10, 20, 12),
  location: "/srv/backups/x.dump",
  restoreCommands: ["createdb main_restored", "pg_restore -d main_restored /srv/backups/x.dump"],
} as unknown as BackupManifest;

const guide: RollbackGuide = {
  environment: "production",
  version: "v1.1.0",
  deploymentId: "d",
  previousVersion: "v1.0.0",
  untilMs: Date.UTC(2026, 10, 20, 13),
  confirmWord: "ROLLBACK",
  backups: [backup],
  onCall: ["ada +49 30 123456"],
  scriptFile: "rollback-without-sluice.sh",
};

describe("X7 rollback instructions", () => {
  test("say how, until when, from which backup and whom to call", () => {
    const text = rollbackInstructions(guide);

    for (const words of [
      "Back to v1.0.0",
      "2026-11-20T13:00:00.000Z",
      "sluice rollback production",
      "--confirm ROLLBACK",
      "sh rollback-without-sluice.sh",
      "sluice restore production-main-20261120T120000Z-1",
      "    pg_restore -d main_restored /srv/backups/x.dump",
      "- ada +49 30 123456",
    ]) {
      expect(text).toContain(words);
    }
  });

  test("of a first deployment promise nothing", () => {
    const text = rollbackInstructions({ ...guide, previousVersion: null });

    expect(text).toContain("there is no version to go back to");
    expect(text).not.toContain("sluice rollback");
  });

  test("say so where there is no backup, and nobody to call", () => {
    const text = rollbackInstructions({ ...guide, backups: [], onCall: [] });

    expect(text).toContain("No backup was taken by this deployment.");
    expect(text).toContain("nobody is named in the configuration");
  });
});

test("X9 the script starts, then shifts, then stops: in this order no request is lost", () => {
  const script = rollbackScript({ title: "Back", start: ["start v1"], shift: ["shift v1"], stop: ["stop v2"] });

  expect(script).toMatch(/^#!\/bin\/sh\n/);
  expect(script).toMatch(/set -eu[\s\S]*start v1[\s\S]*shift v1[\s\S]*stop v2/);
});

const failure: FailureFacts = {
  deploymentId: "d",
  environment: "production",
  version: "v1.1.0",
  outcome: "rolled-back",
  failure: {
    code: "HEALTH_FAILED",
    remedy: "operator",
    at: "stages.rollout",
    message: "500s",
    hint: "sluice logs",
    evidence: "boom\n",
  },
  undone: ["rollout", "start"],
  undoFailures: [],
  remains: ["migration 001 stays applied"],
  servesNow: "v1.0.0",
  backups: [backup],
  events: [
    { atMs: 61_000, step: "rollout", phase: "end", tone: "bad", title: "5 % failed" },
    { atMs: 1_000, step: "rollout", phase: "begin", tone: "info", title: "rollout" },
  ] as unknown as readonly DeploymentEvent[],
  verdict: { compared: false, why: "nothing serves yet, so there is nothing to compare with", caught: null },
  verdictFile: "verdict.svg",
  startedAtMs: 1_000,
  criteria: [{ criterion: "outcome", met: false, seen: "rolled-back, v1.0.0 serves" }],
  onCall: [],
};

describe("D2 a failure report", () => {
  test("says what failed, why, what was undone, what stays and what to do next", () => {
    const text = failureReport(failure);

    expect(text).toContain("Now serving: v1.0.0.");
    expect(text).toContain("500s (HEALTH_FAILED, stages.rollout)");
    expect(text).toContain("```\nboom\n```");
    expect(text).toMatch(/## What was undone\n- rollout\n- start/);
    expect(text).toMatch(/## What changed and stays\n- migration 001 stays applied/);
    expect(text).toMatch(/## What to do next\n- sluice logs/);
    expect(text).toContain("- +1 min  rollout: 5 % failed");
    expect(text).not.toContain("rollout: rollout");
  });

  test("names what could not be undone", () => {
    const undoFailures = [{ ...failure.failure, at: "undo start", message: "The target does not answer." }];

    expect(failureReport({ ...failure, undoFailures })).toMatch(
      /could NOT be undone\n- undo start: The target does not answer/,
    );
  });

  test("of something that touched nothing says so", () => {
    const text = failureReport({ ...failure, undone: [], remains: [], servesNow: null });

    expect(text).toContain("nothing had to be undone");
    expect(text).toContain("Now serving: nothing.");
  });
});

describe("D2 whom a failed version reached", () => {
  const at = (atMs: number, detail: object) => ({ atMs, detail, phase: "progress" }) as unknown as DeploymentEvent;
  const verdict: RecordedVerdict = { compared: false, why: "off", caught: { requests: 1_300, failed: 96, afterMs: 1 } };

  test("is read from the weights: how long, how much, how many", () => {
    const events = [
      at(0, { shifted: true, percent: 5 }),
      at(60_000, { shifted: true, percent: 50 }),
      at(90_000, { backOn: "v1" }),
    ];

    expect(impactOf({ events, verdict })).toEqual({
      minutes: 1.5,
      mostPercent: 50,
      requests: 1_300,
      failed: 96,
      words:
        "It had traffic for 1 min 30 s, up to 50 %; 1,300 requests went to the candidate up to the decision, 96 of them failed.",
    });
  });

  test("is nobody where it got no traffic, and not known where nothing was read back or counted", () => {
    expect(impactOf({ events: [], verdict }).words).toBe("No request went to the candidate.");
    const open = impactOf({ events: [at(0, { shifted: true, percent: 5 })], verdict: { ...verdict, caught: null } });
    expect(open).toMatchObject({ minutes: null, requests: null });
    expect(open.words).toMatch(/was not read back.*requests were not counted/);
  });

  test("is in the JSON of the report as well, with the timeline and what to do", () => {
    expect(incidentJson(failure)).toMatchObject({
      deployment_id: "d",
      impact: { minutes: null, candidate_requests: null },
      follow_ups: expect.arrayContaining(["sluice logs"]),
      timeline: [{ after_ms: 60_000, step: "rollout", title: "5 % failed" }],
      success_criteria: [{ criterion: "outcome", met: false }],
    });
  });
});

describe("O4 what a report says of the comparison with the stable version", () => {
  const compared = {
    ...{ compared: true, mode: "decides", candidate: "v1.1.0", stable: "v1.0.0", kind: "rollback" },
    ...{ reason: "errors: 9 of 10 on the candidate", remarks: ["latency only advises"] },
    unknown: [{ name: "orders", reason: "the source is down (3 buckets in a row)" }],
    caught: { requests: 1_300, failed: 1, afterMs: 7_200 },
  } as unknown as RecordedVerdict;
  const report = (verdict: RecordedVerdict) => failureReport({ ...failure, verdict });

  test("the verdict, what it cost to find out, what was not known, and the picture", () => {
    expect(report(compared)).toContain(
      [
        "## Compared with the stable version",
        "Worse than the stable version: errors: 9 of 10 on the candidate.",
        "",
        "It was taken back after 1,300 candidate requests, 1 of them failed, 7.2 s after its first traffic.",
        "- not known: orders: the source is down (3 buckets in a row)",
        "- latency only advises",
        "",
        "![Weight, error rates of both versions and evidence over time](verdict.svg)",
      ].join("\n"),
    );
  });

  test("undecided is never told as passed, and what only advised says so", () => {
    expect(report({ ...compared, kind: "undecided", mode: "advisory" } as RecordedVerdict)).toContain(
      "Not decided, which is no pass: errors: 9 of 10 on the candidate (only advised).",
    );
  });

  test("where nothing was compared there is a reason and no picture", () => {
    const text = report(failure.verdict);

    expect(text).toContain("Nothing was compared: nothing serves yet, so there is nothing to compare with.");
    expect(text).not.toContain("verdict.svg");
  });
});

test("D1 the record's text is indented, its rows of numbers are rows, and it is the same JSON", () => {
  const record = { rows: [[1, -2.5e-7], [], [3, "x"]], note: "a list: [\n 1,\n 2\n]", more: { one: [1] } };

  const text = recordText(record);

  expect(JSON.parse(text)).toEqual(record);
  expect(text).toContain("[ 1, -2.5e-7 ]");
  expect(text).toContain('"one": [ 1 ]');
  expect(text).toMatch(/^\{\n {2}"rows": \[\n/);
});
