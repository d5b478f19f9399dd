/**
 * Whole deployments in virtual time: the real pipeline on the simulated engine, every port in memory, clients that send
 * requests all the while, processes that can be killed and replaced. One world per scenario.
 */
import type { DeploymentInput } from "../../src/app/flows.ts";
import type { ApprovalVote } from "../../src/domain/approval.ts";
import type { Failure } from "../../src/domain/errors.ts";
import type { DeploymentEvent } from "../../src/domain/events.ts";
import { deploymentIdFor } from "../../src/domain/ids.ts";
import { asJson, type Json } from "../../src/domain/json.ts";
import type { Outcome } from "../../src/domain/outcome.ts";
import { virtualClock } from "../../src/engine/simulated/virtual-clock.ts";
import { type SimulatedWorldOptions, simulatedWorld } from "../../src/engine/simulated/world.ts";
import { type RollbackRequest, rollbackTarget } from "../../src/pipeline/rollback.ts";
import { refFor, resolveRelease } from "../../src/pipeline/stages/validate-release.ts";
import { type DeploymentRow, peopleTopic } from "../../src/ports/ledger.ts";
import { type FakesOptions, openFakes } from "./world-fakes.ts";
import { type OnCall, partsOf } from "./world-parts.ts";
import { journalVersion, openProcesses, type Process, type ProcessesOptions } from "./world-processes.ts";
import { hour } from "./world-settings.ts";

export interface WorldOptions extends FakesOptions, Pick<SimulatedWorldOptions, "onJournalCall" | "onSend"> {
  /** To each routed component; 100 by default. 0: nobody comes. */
  readonly requestsPerSecond?: number;
  readonly seed?: number;
  /** Another process takes over whatever was left for longer than its lease. */
  readonly supervised?: boolean;
  readonly onCall?: OnCall;
  readonly onAnswer?: ProcessesOptions["onAnswer"];
}

export interface BeginOptions {
  readonly environment?: string;
  /** Who starts it; ada. */
  readonly by?: string;
  readonly approvals?: number;
  /** The commit resolved when it was asked for; the present one by default. */
  readonly commit?: string;
}

export interface Ended {
  readonly id: string;
  readonly outcome: Outcome | null;
  readonly failure: Failure | null;
  readonly record: { readonly [key: string]: Json };
  readonly events: readonly DeploymentEvent[];
  /** File → text. */
  readonly files: ReadonlyMap<string, string>;
}

export type World = ReturnType<typeof scenarioWorld>;

const never = new AbortController().signal;

export function scenarioWorld(options: WorldOptions = {}) {
  const clock = virtualClock();
  const fakes = openFakes(options, clock);
  const { ledger, shared } = fakes;
  const { onJournalCall, onSend, requestsPerSecond = 100 } = options;
  let aheadMs = 0;
  // The ledger, the router and the target are other machines: their clocks do not jump with the orchestrator's.
  const orchestratorClock = { ...clock, now: () => clock.now() + aheadMs };
  const simulated = simulatedWorld({
    clock: orchestratorClock,
    ...(onJournalCall ? { onJournalCall } : {}),
    ...(onSend ? { onSend } : {}),
  });
  const processes = openProcesses(fakes, simulated, {
    clock: orchestratorClock,
    onCall: options.onCall,
    onAnswer: options.onAnswer,
  });
  const chance = mulberry32(options.seed ?? 1);
  let disposed = false;

  const everySecond = async (action: () => void | Promise<void>) => {
    while (!disposed) {
      await clock.sleep(1_000);
      await action();
    }
  };
  const clients = () => {
    for (const { place } of fakes.environments.values()) place.serveOneSecond(requestsPerSecond, chance);
  };
  if (requestsPerSecond > 0) void everySecond(clients);
  if (options.supervised) void everySecond(() => processes.supervise());

  async function create(
    environment: string,
    startedBy: string,
    what: Pick<DeploymentRow, "kind" | "version" | "commit"> & Pick<DeploymentInput, "deploy" | "rollback">,
  ): Promise<string> {
    const { deploy, rollback, ...row } = what;
    const { settings } = fakes.environment(environment);
    const { id } = await ledger.createDeployment({
      ...row,
      id: deploymentIdFor(clock.now(), row.commit),
      project: settings.project,
      environment,
      startedBy,
      input: asJson({ settings, projectFolder: "/project", deploy, rollback }),
      applicationVersion: journalVersion,
    });
    processes.start(id);
    return id;
  }

  const partsFor = (environment: string) => {
    const { settings, place } = fakes.environment(environment);
    return partsOf(settings, place, shared, (part) => part);
  };

  /** Starts a deployment as the command line does; refused names are refused here. Returns its id. */
  async function begin(name: string, given: BeginOptions = {}): Promise<string> {
    const { environment = "production", by = "ada", approvals = 0 } = given;
    const { settings } = fakes.environment(environment);
    const ref = refFor(settings, name);
    const { version, commit } = await resolveRelease(fakes.source, settings, ref, never);
    const deploy = { ref, commit: given.commit ?? commit, approvalsRequired: approvals };
    return create(environment, by, { kind: "deploy", version, commit, deploy, rollback: null });
  }

  async function beginRollback(request: Partial<RollbackRequest> = {}, environment = "production"): Promise<string> {
    const rollback = { reason: "it is slow", toVersion: null, component: null, ...request };
    const { from, to } = await rollbackTarget(partsFor(environment), rollback, never);
    return create(environment, "ada", {
      kind: "rollback",
      version: to.version,
      commit: to.commit,
      deploy: null,
      rollback: { from: from.deploymentId, ...rollback },
    });
  }

  /** Rejects where it takes longer than `limitMs` of virtual time. */
  async function ended(id: string, limitMs = 6 * hour): Promise<Ended> {
    const late = clock.sleep(limitMs).then(() => Promise.reject(new Error(`${id} did not end within ${limitMs} ms`)));
    late.catch(() => undefined);
    await Promise.race([processes.ended(id), late]);
    const record = ((await ledger.record(id)) ?? {}) as Ended["record"];
    return {
      id,
      outcome: (await ledger.deployment(id))?.outcome ?? null,
      failure: (record.failure ?? null) as unknown as Failure | null,
      record,
      events: await ledger.events(id, 0),
      files: shared.folders.get(id) ?? new Map(),
    };
  }

  /** Polls in virtual time. */
  async function until(what: string, condition: () => boolean | Promise<boolean>, limitMs = hour): Promise<void> {
    const endsAtMs = clock.now() + limitMs;
    while (!(await condition())) {
      if (clock.now() > endsAtMs) throw new Error(`it did not come about within ${limitMs} ms: ${what}`);
      await clock.sleep(100);
    }
  }

  async function vote(id: string, by: string, given: Partial<ApprovalVote> = {}): Promise<void> {
    const asked = (await ledger.events(id, 0)).map(({ detail }) => detail as { readonly planDigest?: string });
    const planDigest = asked.findLast((detail) => detail.planDigest !== undefined)?.planDigest ?? "";
    const proof = { kind: "declared" as const };
    await ledger.recordApproval(id, { by, decision: "approve", planDigest, comment: "", proof, ...given });
  }

  const toldIn = async (id: string, words: string | RegExp): Promise<boolean> =>
    (await ledger.events(id, 0)).some(({ title }) => title.match(words) !== null);

  return {
    ...fakes,
    processes: processes.all,
    acts: processes.acts,
    at: (environment?: string) => fakes.environment(environment).place,
    begin,
    ended,
    until,
    vote,
    beginRollback,
    deploy: async (name: string, given?: BeginOptions): Promise<Ended> => ended(await begin(name, given)),
    rollback: async (request?: Partial<RollbackRequest>): Promise<Ended> => ended(await beginRollback(request)),
    approve: (id: string, by: string): Promise<void> => vote(id, by),
    cancel: (id: string): Promise<void> => ledger.requestCancel(id, "ada", "changed my mind"),
    promote: (id: string): Promise<void> =>
      ledger.post(id, peopleTopic, { kind: "promote", by: "ada" }, `${id} promote ${clock.now()}`),
    /** A person has looked at a quarantined deployment and frees its lock. */
    release: (id: string): Promise<void> =>
      ledger.post(id, peopleTopic, { kind: "release", by: "ada" }, `${id} free ${clock.now()}`),
    isAlive: (executorId: string): boolean => simulated.isAlive(executorId),
    newest: processes.newest,
    deploymentOf: processes.deploymentOf,
    /** kill -9 of the process that runs it. */
    crash: (id: string): void => simulated.crash(processes.newest(id).executorId),
    takeOver: (id: string): Process => processes.start(id, true),
    /** SIGSTOP of the process that runs it; what is returned lets it go on. */
    pause: (id: string): (() => void) => simulated.pause(processes.newest(id).executorId),
    /** The clock of the machine that the processes run on is put forward, or with less than 0 back. */
    putClockForward(ms: number): void {
      aheadMs += ms;
    },
    /** Until a line of the story says so. */
    untilTold: (id: string, words: string | RegExp): Promise<void> =>
      until(`"${words}" in the story`, () => toldIn(id, words)),
    /** kinds of the notifications that the channel took, in order. */
    told: (): readonly string[] => fakes.channel.told().map(({ kind }) => kind),
    dispose(): void {
      disposed = true;
      clock.stop();
    },
  };
}

/** A small seeded generator: the same seed, the same world. */
export function mulberry32(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
