/** The in-memory target keeps the contract, under a clock whose hours pass at once. */
import { expect, test } from "vitest";
import type { SluiceError } from "../domain/errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { RunSpec } from "../ports/target.ts";
import { type Behaviour, memoryTarget, type TargetEffect } from "./memory-target.ts";
import { targetContract } from "./target-contract.ts";
import type { WantedBehaviour } from "./target-world.ts";

const never = new AbortController().signal;
const attempt = { ledgerId: "a", n: 1, deploymentId: "1763673600-000000000001" };

function hurriedClock(): Clock {
  let nowMs = 1_763_673_600_000;
  return {
    now: () => nowMs,
    async sleep(ms, signal) {
      signal?.throwIfAborted();
      const wakeAtMs = nowMs + ms;
      await Promise.resolve();
      nowMs = Math.max(nowMs, wakeAtMs);
    },
  };
}

const behaviours: Record<WantedBehaviour, Behaviour> = {
  good: { kind: "ready", afterMs: 500 },
  crashes: { kind: "crashes", afterMs: 300, lastLines: "starting\nboom" },
  "never-ready": { kind: "never-ready" },
  impostor: { kind: "ready", afterMs: 100, answersVersion: "v0.0.0" },
};

function specOf(revision: string, component = "web", instances = 1): RunSpec {
  const version = revision.split("~")[0] ?? revision;
  return {
    component,
    revision,
    version,
    artifact: { component, digest: `sha256:${version}`, kind: "tree", location: `/artifacts/${version}` },
    command: ["node", "server.js"],
    workingDirectory: ".",
    environment: {},
    instances,
    ready: { path: "/health", expectStatus: 200, expectVersion: version, intervalMs: 100, timeoutMs: 10_000 },
    stopTimeoutMs: 1_000,
  };
}

targetContract("memory", async () => {
  const wanted = new Map<string, WantedBehaviour>();
  const effects: TargetEffect[] = [];
  const target = memoryTarget({
    clock: hurriedClock(),
    log: effects,
    behaviour: (spec) => behaviours[wanted.get(spec.revision) ?? "good"],
  });
  return {
    target,
    other: target,
    async spec({ revision, component, instances, behaviour = "good" }) {
      wanted.set(revision, behaviour);
      return specOf(revision, component, instances);
    },
    spawned: async (spec) =>
      effects.filter((each) => each.effect === "spawned" && each.revision === spec.revision).length,
    crash: async (spec) => target.crash(spec.component, spec.revision),
    spoil: async (artifact) => target.spoil(artifact.digest),
    close: async () => {},
  };
});

test("the log of effects tells what happened, in order, and by which attempt", async () => {
  const target = memoryTarget({ clock: hurriedClock(), behaviour: () => behaviours.good });
  await target.claim(attempt, never);
  await target.start(specOf("v1~a"), attempt, never);
  await target.start(specOf("v1~a"), attempt, never);
  target.crash("web", "v1~a");
  await target.stop("web", "v1~a", attempt, never);
  await target.prune([], attempt, never);

  expect(target.effects.map(({ effect, attempt: n }) => `${effect} ${n ?? "-"}`)).toEqual([
    "claimed 1",
    "spawned 1",
    "crashed -",
    "pruned 1",
  ]);
});

test("a stop while an instance is starting ends that start as cancelled", async () => {
  const target = memoryTarget({ clock: hurriedClock(), behaviour: () => behaviours.good });
  const starting = target.start(specOf("v1~a"), attempt, never).catch((error: SluiceError) => error.failure.code);

  await target.stop("web", "v1~a", attempt, never);

  expect(await starting).toBe("CANCELLED");
});
