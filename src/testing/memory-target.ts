/**
 * A target in memory for simulations: no processes, but the same promises, plus a log of every effect it ever had, which
 * nothing takes back. How a version behaves (slow, crashing, never ready) is given as a function.
 */
import { type Attempt, type FenceRecord, type FenceRuling, ruleOnFence } from "../domain/attempt.ts";
import { SluiceError } from "../domain/errors.ts";
import type { Artifact } from "../domain/release.ts";
import type { RevisionId } from "../domain/traffic.ts";
import type { Clock } from "../ports/clock.ts";
import type { Instance, RunSpec, Target } from "../ports/target.ts";

export type Behaviour =
  | { readonly kind: "ready"; readonly afterMs: number; readonly answersVersion?: string }
  | { readonly kind: "crashes"; readonly afterMs: number; readonly lastLines: string }
  | { readonly kind: "never-ready" };

/** One line of the append-only log. `attempt` is the number that was obeyed. */
export interface TargetEffect {
  readonly atMs: number;
  readonly effect: "claimed" | "disowned" | "forgot" | "spawned" | "stopped" | "crashed" | "pruned";
  readonly component?: string;
  readonly revision?: RevisionId;
  readonly index?: number;
  readonly attempt?: number;
  /** Whose attempt it was. */
  readonly deploymentId?: string;
}

export interface MemoryTargetOptions {
  readonly clock: Clock;
  readonly log?: TargetEffect[];
  /** Called with each line of the log as it is written. */
  readonly onEffect?: (effect: TargetEffect) => void;
  /** Asked at every spawn; ready at once by default. */
  readonly behaviour?: (spec: RunSpec) => Behaviour;
  readonly environment?: string;
}

export interface MemoryTarget extends Target {
  readonly effects: readonly TargetEffect[];
  /** How often an artifact was refused, or reported as unavailable, since it was spoilt. */
  readonly refusals: number;
  /** Ends an instance as its own fault would. */
  crash(component: string, revision: RevisionId, index?: number): void;
  /** The record of whom it obeyed is lost, as with a restored disk: it obeys anybody next. */
  forget(): void;
  /** As if a byte of the artifact had changed, or (with `gone`) the artifact had been removed. */
  spoil(digest: string, how?: "changed" | "gone"): void;
}

interface Running {
  readonly spec: RunSpec;
  readonly index: number;
  readonly port: number;
  readonly startedAtMs: number;
  readonly behaviour: Behaviour;
  state: Instance["state"];
}

const firstPort = 40_000;

export function memoryTarget(options: MemoryTargetOptions): MemoryTarget {
  const { clock, environment = "memory", log = [] } = options;
  const instances = new Map<string, Running>();
  const spoilt = new Map<string, string>();
  let last: FenceRecord | undefined;
  let disowned = false;
  let spawned = 0;
  let refusals = 0;

  const note = (entry: Omit<TargetEffect, "atMs" | "deploymentId" | "attempt">, by?: Attempt) => {
    const effect = { atMs: clock.now(), ...entry, ...(by ? { attempt: by.n, deploymentId: by.deploymentId } : {}) };
    log.push(effect);
    options.onEffect?.(effect);
  };
  const keyOf = (component: string, revision: string, index: number) => `${component}/${revision}/${index}`;
  const ofRevision = (component: string, revision: string) =>
    [...instances.values()].filter((each) => each.spec.component === component && each.spec.revision === revision);

  function refuseUnless(ruling: FenceRuling, attempt: Attempt): void {
    if (ruling !== "obey" && last) throw refused(ruling, environment, last, attempt);
  }

  function admit(attempt: Attempt): void {
    refuseUnless(disowned ? "foreign" : ruleOnFence(last, attempt), attempt);
    if (last === undefined || last.n < attempt.n) last = { ...attempt };
  }

  function spawn(spec: RunSpec, index: number, attempt: Attempt): Running {
    const key = keyOf(spec.component, spec.revision, index);
    const there = instances.get(key);
    if (there?.state === "running") return there;
    const behaviour = options.behaviour?.(spec) ?? { kind: "ready", afterMs: 0 };
    const port = firstPort + spawned++;
    const running: Running = { spec, index, port, startedAtMs: clock.now(), behaviour, state: "running" };
    instances.set(key, running);
    note({ effect: "spawned", component: spec.component, revision: spec.revision, index }, attempt);
    return running;
  }

  function crash(running: Running): void {
    if (running.state !== "running") return;
    running.state = "crashed";
    const { component, revision } = running.spec;
    note({ effect: "crashed", component, revision, index: running.index });
  }

  async function untilReady(running: Running, signal: AbortSignal): Promise<void> {
    const { behaviour, spec } = running;
    const waitMs = behaviour.kind === "never-ready" ? spec.ready.timeoutMs : behaviour.afterMs;
    const leftMs = running.startedAtMs + Math.min(waitMs, spec.ready.timeoutMs) - clock.now();
    if (leftMs > 0) await clock.sleep(leftMs, signal);
    signal.throwIfAborted();
    if (behaviour.kind === "crashes" && behaviour.afterMs <= spec.ready.timeoutMs) crash(running);
    const failure = failureOfStart(running, waitMs);
    if (failure) throw failure;
  }

  return {
    kind: "memory",
    fencing: "enforced",
    effects: log,
    get refusals() {
      return refusals;
    },
    crash: (component, revision, index = 0) => {
      const running = instances.get(keyOf(component, revision, index));
      if (running) crash(running);
    },
    spoil: (digest, how = "changed") => void spoilt.set(digest, how === "gone" ? "is not there" : "has changed"),
    forget() {
      last = undefined;
      note({ effect: "forgot" });
    },
    fence: async () => last,
    async claim(attempt) {
      const takenOver = disowned && last?.ledgerId !== attempt.ledgerId;
      if (!takenOver) refuseUnless(ruleOnFence(last, attempt), attempt);
      const isNews = disowned || last?.n !== attempt.n || last.ledgerId !== attempt.ledgerId;
      last = { ...attempt };
      disowned = false;
      if (isNews) note({ effect: "claimed" }, attempt);
    },
    async disown() {
      disowned = last !== undefined;
      note({ effect: "disowned" });
    },
    async start(spec, attempt, signal) {
      admit(attempt);
      const fault = spoilt.get(spec.artifact.digest);
      if (fault && ofRevision(spec.component, spec.revision).every((each) => each.state !== "running")) {
        refusals++;
        throw artifactFault(spec.artifact, fault);
      }
      const started = Array.from({ length: spec.instances }, (_, index) => spawn(spec, index, attempt));
      await Promise.all(started.map((running) => untilReady(running, signal)));
      return started.map(instanceOf);
    },
    observe: async () => [...instances.values()].map(instanceOf),
    async stop(component, revision, attempt) {
      admit(attempt);
      for (const running of ofRevision(component, revision)) {
        if (running.state === "running") {
          note({ effect: "stopped", component, revision, index: running.index }, attempt);
        }
        running.state = "stopped";
      }
    },
    async available(artifact) {
      const fault = spoilt.get(artifact.digest);
      refusals += fault ? 1 : 0;
      return fault
        ? { available: false, reason: `${artifact.location} ${fault}` }
        : { available: true, reason: `${artifact.location} has the digest ${artifact.digest}` };
    },
    async prune(keep, attempt) {
      admit(attempt);
      const all = [...instances.entries()];
      const needed = new Set([
        ...keep,
        ...all.filter(([, each]) => each.state === "running").map(([, each]) => each.spec.revision),
      ]);
      const leaving = all.filter(([, each]) => !needed.has(each.spec.revision));
      for (const [key] of leaving) instances.delete(key);
      const revisions = [...new Set(leaving.map(([, each]) => each.spec.revision))];
      for (const revision of revisions) note({ effect: "pruned", revision }, attempt);
      return revisions;
    },
    async logTail(component, revision, lines) {
      const printed = ofRevision(component, revision).map(({ behaviour }) =>
        behaviour.kind === "crashes" ? behaviour.lastLines : "started",
      );
      return printed.join("\n").split("\n").slice(-lines).join("\n");
    },
    instructions: (spec) => ({
      start: [`# start ${spec.component} ${spec.revision}`],
      stop: [`# stop ${spec.component} ${spec.revision}`],
    }),
  };
}

const instanceOf = (running: Running): Instance => ({
  component: running.spec.component,
  revision: running.spec.revision,
  version: running.spec.version,
  artifactDigest: running.spec.artifact.digest,
  endpoint: { host: "127.0.0.1", port: running.port },
  state: running.state,
  restarts: 0,
  startedAtMs: running.startedAtMs,
});

function failureOfStart(running: Running, waitedMs: number): SluiceError | undefined {
  const { behaviour, spec, state } = running;
  const { component, version, ready } = spec;
  const facts = { remedy: "operator", at: "testing.memory-target", hint: "See why: sluice logs" } as const;
  if (state === "stopped")
    return new SluiceError({
      ...facts,
      code: "CANCELLED",
      message: `${component} ${version} was asked to stop while it was starting.`,
    });
  if (state === "crashed") {
    const evidence = behaviour.kind === "crashes" ? behaviour.lastLines : "";
    return new SluiceError({
      ...facts,
      code: "START_FAILED",
      message: `${component} ${version} ended before it was ready.`,
      evidence,
    });
  }
  if (behaviour.kind === "never-ready" || waitedMs > ready.timeoutMs) {
    return new SluiceError({
      ...facts,
      code: "NOT_READY",
      message: `${component} ${version} was not ready within ${ready.timeoutMs} ms.`,
    });
  }
  const answered = behaviour.kind === "ready" ? (behaviour.answersVersion ?? version) : version;
  if (ready.expectVersion === undefined || answered === ready.expectVersion) return undefined;
  const message = `${component} ${version} answers with the health body of another version: it names version "${answered}", expected was "${ready.expectVersion}".`;
  return new SluiceError({ ...facts, code: "VERSION_MISMATCH", message });
}

function artifactFault(artifact: Artifact, fault: string): SluiceError {
  return new SluiceError({
    code: fault === "has changed" ? "ARTIFACT_CHANGED" : "ARTIFACT_MISSING",
    remedy: "operator",
    at: "testing.memory-target",
    message: `${artifact.component} is not started: ${artifact.location} ${fault}.`,
    hint: "Build it again with a new deployment: sluice deploy",
  });
}

function refused(ruling: "stale" | "foreign", environment: string, last: FenceRecord, attempt: Attempt): SluiceError {
  const holder = `attempt ${last.n} of deployment ${last.deploymentId} (ledger ${last.ledgerId})`;
  return new SluiceError({
    code: ruling === "foreign" ? "LEDGER_FOREIGN" : "STALE_ATTEMPT",
    remedy: "operator",
    at: "testing.memory-target",
    message: `The target of ${environment} obeys ${holder}, not attempt ${attempt.n} of ledger ${attempt.ledgerId}.`,
    hint:
      ruling === "foreign"
        ? `If that ledger is gone for good, take over: sluice lock take-over ${environment} --reason "…"`
        : `See which deployment is in charge: sluice status ${environment}`,
  });
}
