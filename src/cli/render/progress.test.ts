import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import type { DeploymentEvent } from "../../domain/events.ts";
import type { Json } from "../../domain/json.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { liveLine } from "./live-line.ts";
import { progressOf } from "./progress.ts";
import { type DeploymentStatus, deploymentText, gridText, nextFor } from "./status-text.ts";
import { widthOf } from "./text.ts";

const began = Date.UTC(2026, 10, 20, 12);
const settings = {
  rollout: {
    settleMs: 0,
    controlPercent: 0,
    steps: [
      { percent: 10, bakeMs: 60_000 },
      { percent: 50, bakeMs: 60_000 },
      { percent: 100, bakeMs: 60_000 },
    ],
  },
  observation: { durationMs: 30_000 },
} as unknown as EnvironmentSettings;

let seq = 0;
const event = (
  step: string,
  phase: DeploymentEvent["phase"],
  atMs: number,
  detail: Json = {},
  more: Partial<DeploymentEvent> = {},
): DeploymentEvent => ({
  ...{
    deploymentId: "d",
    environment: "production",
    step,
    phase,
    key: "",
    title: step,
    tone: "info",
    actor: null,
    detail,
  },
  ...{ seq: ++seq, attempt: 1, atMs: began + atMs, hash: "" },
  ...more,
});

const plan = {
  replaces: { version: "v1.1.0" },
  steps: ["build", "approve", "lock", "start", "rollout", "smoke", "observe", "promote"].map((stage) => ({ stage })),
} as unknown as Json;

const planned = [
  event("build", "begin", 0),
  event("build", "end", 1_200, { tookMs: 1_200 }),
  event("plan", "progress", 1_300, { digest: "abc", plan }),
];

const shiftedTo = (percent: number, atMs: number, key: string): readonly DeploymentEvent[] => [
  event("rollout", "begin", atMs, {}, { key }),
  event("rollout", "progress", atMs + 10, { percent, shifted: true }),
];

const round = (percent: number, atMs: number, requests: number): DeploymentEvent =>
  event("rollout", "progress", atMs, {
    percent,
    verdict: "pass",
    candidate: { requests, errors: 0 },
    stable: { requests: 1_190, errors: 1 },
  });

const at50 = [
  ...planned,
  ...shiftedTo(10, 2_000, "3"),
  event("rollout", "end", 62_000, { tookMs: 60_000 }, { key: "3" }),
  ...shiftedTo(50, 62_000, "4"),
  round(50, 80_000, 1_204),
];

const plain = (text: string): string => stripVTControlCharacters(text);

describe("W1 how far a deployment has come", () => {
  test("W1 the running weight, its numbers and what is still ahead come from the events alone", () => {
    const progress = progressOf(at50, settings, false);

    expect(progress.percent).toBe(50);
    expect(progress.candidate).toMatchObject({ requests: 1_204, errors: 0 });
    expect(progress.endsAtMs).toBe(began + 122_000);
    expect(progress.stages.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "build done",
      "10 % done",
      "50 % running",
      "100 % ahead",
      "smoke ahead",
      "observe ahead",
      "promote ahead",
    ]);
  });

  test("W1 a step that a second process runs again still ends when it would have ended", () => {
    const again = [...at50, event("rollout", "begin", 90_000, {}, { key: "4", attempt: 2 })];

    const progress = progressOf(again, settings, false);

    expect(progress.endsAtMs).toBe(began + 122_000);
    expect(progress.stages.filter(({ state }) => state === "running")).toHaveLength(1);
  });

  test("R1 the last step is the one that bakes at less than it says, where a control stays on the stable version", () => {
    const controlled = { ...settings, rollout: { ...settings.rollout, controlPercent: 5 } };
    const last = [
      ...at50,
      event("rollout", "end", 122_000, { tookMs: 60_000 }, { key: "4" }),
      ...shiftedTo(95, 122_000, "5"),
    ];

    const { endsAtMs, stages } = progressOf(last, controlled, false);

    expect(endsAtMs).toBe(began + 182_000);
    expect(stages.map(({ name, state }) => `${name} ${state}`).slice(1, 5)).toEqual([
      "10 % done",
      "50 % done",
      "95 % running",
      "smoke ahead",
    ]);
  });

  test("R1 of an adaptive ramp only the end is known beforehand", () => {
    const adaptive = { ...settings, rollout: { ...settings.rollout, strategy: "adaptive" as const } };
    const begun = [...planned, ...shiftedTo(3, 2_000, "3")];

    const names = progressOf(begun, adaptive, false).stages.map(({ name, state }) => `${name} ${state}`);

    expect(names.slice(1, 4)).toEqual(["3 % running", "100 % ahead", "smoke ahead"]);
  });

  test("X1 after going back the candidate has no weight any more", () => {
    const back = [...at50, event("undo rollout", "progress", 95_000, { backOn: "v1.1.0" })];

    expect(progressOf(back, settings, false).percent).toBe(0);
  });

  test("P3 it waits for people until the next stage begins, and a vote is no stage", () => {
    const asked = [
      ...planned,
      event("approve", "progress", 2_000, { waitingForApproval: true, missing: 2, planDigest: "abc" }),
    ];
    const voted = [...asked, event("approve", "end", 3_000, { planDigest: "abc" }, { actor: "ada" })];
    const gone = [...voted, event("lock", "begin", 4_000)];

    expect(progressOf(asked, settings, false).waitingFor).toEqual({ missing: 2, planDigest: "abc" });
    expect(progressOf(voted, settings, false).waitingFor).toEqual({ missing: 2, planDigest: "abc" });
    expect(progressOf(gone, settings, false).waitingFor).toBeNull();
    expect(progressOf(gone, settings, false).stages.find(({ name }) => name === "approve")).toMatchObject({
      state: "done",
      tookMs: 2_000,
    });
  });
});

const order = (step: string, atMs: number, reason: string): DeploymentEvent =>
  event(`${step} by hand`, "progress", atMs, { reason }, { actor: "ada" });

describe("R1 a person steers it", () => {
  const paused = [...at50, order("pause", 81_000, "lunch")];

  test("R1 a pause is seen in the progress and told in place of the countdown, until it ends", () => {
    const progress = progressOf(paused, settings, false);

    expect(progress.paused).toEqual({ by: "ada", reason: "lunch", atMs: began + 81_000 });
    expect(plain(liveLine(progress, began + 82_000, 200))).toMatch(/· paused by ada$/);
    for (const end of ["continue", "promote"]) {
      expect(progressOf([...paused, order(end, 90_000, "back")], settings, false).paused).toBeNull();
    }
  });

  test("R1 a weight that is promoted by hand says so once its bake is over", () => {
    const steps = settings.rollout.steps.map((step) => ({ ...step, promote: "by-hand" as const }));
    const progress = progressOf(at50, { ...settings, rollout: { ...settings.rollout, steps } }, false);
    const next = (atMs: number) => nextFor({ ...status, progress }, began + atMs);

    expect(plain(liveLine(progress, began + 80_000, 200))).toMatch(/next step \(100 %\) in 42 s$/);
    expect(plain(liveLine(progress, began + 130_000, 200))).toMatch(/· waits to be promoted by a person$/);
    expect(next(80_000)).toMatch(/^sluice logs .* --follow$/);
    expect(next(130_000)).toBe('sluice promote 1795216504-a055f5f10d0c --reason "…"');
  });

  test("R1 where its rollout stands: before, asking, in it, after", () => {
    const asking = event("approve", "progress", 2_000, { waitingForApproval: true, missing: 1, planDigest: "abc" });
    const phaseAfter = (more: readonly DeploymentEvent[]) => progressOf(more, settings, false).phase;

    expect(phaseAfter(planned)).toBe("before");
    expect(phaseAfter([...planned, asking])).toBe("asking");
    expect(phaseAfter(at50)).toBe("rollout");
    expect(phaseAfter([...at50, event("smoke", "begin", 130_000, {}, { key: "5" })])).toBe("after");
  });

  test("R1 the next command of a paused deployment ends the pause", () => {
    expect(nextFor({ ...status, progress: progressOf(paused, settings, false) }, began)).toBe(
      "sluice resume 1795216504-a055f5f10d0c",
    );
  });
});

describe("the live line", () => {
  test("R1 says weight, requests, failures of both versions and the time to the next step", () => {
    const line = plain(liveLine(progressOf(at50, settings, false), began + 80_000, 200));

    expect(line).toContain(
      "50 % █████░░░░░ 1,204 requests · 0 failed · stable 1 of 1,190 failed · next step (100 %) in 42 s",
    );
  });

  test("is never wider than the terminal", () => {
    for (let columns = 10; columns < 120; columns++) {
      expect(widthOf(liveLine(progressOf(at50, settings, false), began + 80_000, columns))).toBeLessThan(columns);
    }
  });
});

const status: DeploymentStatus = {
  ...{
    id: "1795216504-a055f5f10d0c",
    kind: "deploy",
    environment: "production",
    version: "v1.2.0",
    state: "running",
    outcome: null,
  },
  ...{
    startedBy: "carol",
    createdAtMs: began,
    endedAtMs: null,
    cancelRequested: null,
    undelivered: [],
    failure: null,
    servesNow: null,
    folder: null,
  },
  runner: { host: "ci-1", pid: 42, alive: true },
  progress: progressOf(at50, settings, false),
  verdict: null,
  approvals: { required: 2, votes: [{ by: "ada", decision: "approve", proof: "ssh key SHA256:x" }] },
};

describe("W1 status of one deployment", () => {
  test("W1 shows the stages as a line with times, the weight as a number, approvals with their proof", () => {
    const text = plain(deploymentText(status, began + 80_000, Number.POSITIVE_INFINITY));

    expect(text).toContain("v1.2.0 to production  running  1 min 20 s");
    expect(text).toContain("✓ build 1.2 s → ✓ 10 % 1 min → ● 50 % 18 s → ○ 100 % → ○ smoke");
    expect(text).toContain("traffic      50 % █████░░░░░ 1,204 requests");
    expect(text).toContain("approvals    2 needed: ada approved (ssh key SHA256:x)");
  });

  test("no line is wider than the terminal", () => {
    for (const columns of [60, 80, 100]) {
      for (const line of deploymentText(status, began + 80_000, columns).split("\n"))
        expect(widthOf(line)).toBeLessThanOrEqual(columns);
    }
  });

  test("control characters of others do not reach the terminal", () => {
    const evil = { ...status, cancelRequested: { by: "x", reason: "\u001b]0;owned\u0007\u001b[2Jboo" } };

    const text = deploymentText(evil, began, 100);

    for (const harmful of ["\u001b]", "\u001b[2J", "\u0007"]) expect(text).not.toContain(harmful);
  });

  test("W1 the next command is the one that matters now", () => {
    const next = (more: Partial<DeploymentStatus> = {}) => nextFor({ ...status, ...more }, began + 80_000);
    expect(next()).toBe("sluice logs 1795216504-a055f5f10d0c --follow");
    expect(next({ runner: { host: "ci-1", pid: 42, alive: false } })).toBe("sluice resume 1795216504-a055f5f10d0c");
    expect(next({ state: "quarantined" })).toContain("--release");
    expect(next({ state: "ended", outcome: "rolled-back" })).toBe("sluice record 1795216504-a055f5f10d0c");
  });
});

test("W1 the grid says what serves since when and by whom, who locked it, and how the last deployment ended", () => {
  const text = plain(
    gridText(
      [
        {
          environment: "production",
          serving: { version: "v1.1.0", sinceMs: began, by: "carol" },
          lock: { kind: "manual", heldBy: "bob", deployment: "", reason: "incident 4711", sinceMs: began + 60_000 },
          last: { id: "1", version: "v1.2.0", state: "ended", outcome: "rolled-back", atMs: began + 60_000 },
        },
        { environment: "staging", serving: null, lock: null, last: null },
      ],
      began + 180_000,
      Number.POSITIVE_INFINITY,
    ),
  );

  expect(text).toContain(
    "production   v1.1.0   3 min ago  carol  v1.2.0 rolled back 2 min ago  ! bob: incident 4711 2 min ago",
  );
  expect(text).toContain("staging      nothing  –          –      none yet                      free");
});
