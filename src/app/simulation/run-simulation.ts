/** One simulated deployment from its start to its end: the real flow in virtual time. */
import { SluiceError } from "../../domain/errors.ts";
import { deploymentIdFor } from "../../domain/ids.ts";
import { asJson } from "../../domain/json.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { type FaultName, faultNamed } from "./faults.ts";
import { found } from "./findings.ts";
import type { Stagehand } from "./mishaps.ts";
import { openWorld, type World } from "./open-world.ts";
import type { SimulatedRelease } from "./release.ts";
import type { Simulated, SimulateOptions } from "./simulated.ts";
import { serveStable } from "./stable.ts";

const day = 86_400_000;
/** Whose requests the stable version has counted already: a router that restarts must have something to forget. */
const secondsBefore = 60;

export async function runSimulation(
  settings: EnvironmentSettings,
  options: SimulateOptions,
  release: SimulatedRelease,
): Promise<Simulated> {
  const world = openWorld(settings, options, release);
  const { clock, watch, parts, place, processes } = world;
  const interrupted = Promise.withResolvers<never>();
  const interrupt = () => interrupted.reject(options.signal.reason as Error);
  options.signal.addEventListener("abort", interrupt, { once: true });
  try {
    options.signal.throwIfAborted();
    if (!options.first) {
      const mortal = <T extends object>(part: T): T => part;
      await serveStable(parts.partsFor(mortal), settings, release.stable);
      place.warmUp(secondsBefore);
    }
    const startedAtMs = clock.now();
    for (const name of options.faults) await faultNamed(name).apply(stagehandOf(world, name));
    await begin(world);
    void clients(world);
    const tooLong = clock.sleep(longestMs(settings)).then(() => Promise.reject(neverEnds(settings.environment)));
    await Promise.race([processes.ended, watch.quarantined.promise, watch.broke.promise, tooLong, interrupted.promise]);
    return await found(world, startedAtMs);
  } finally {
    options.signal.removeEventListener("abort", interrupt);
    clock.stop();
  }
}

async function begin(world: World): Promise<void> {
  const { settings, release, options, rawLedger, clock, processes } = world;
  const deploy = { ref: release.ref, commit: null, approvalsRequired: 0 };
  const row = await rawLedger.createDeployment({
    id: `simulated-${deploymentIdFor(clock.now(), release.commit.sha)}`,
    project: settings.project,
    environment: settings.environment,
    kind: "deploy",
    version: release.version,
    commit: release.commit.sha,
    startedBy: options.startedBy,
    input: asJson({ settings, projectFolder: options.projectFolder, deploy, rollback: null }),
    applicationVersion: "simulated",
  });
  world.deploymentId = row.id;
  processes.start(row.id);
}

async function clients({ clock, watch, place }: World): Promise<void> {
  for (;;) {
    await clock.sleep(1_000);
    if (watch.counting) place.serveOneSecond();
  }
}

function stagehandOf(world: World, fault: FaultName): Stagehand {
  const { settings, broken, clock, watch, place, processes, rawLedger } = world;
  const note = (text: string) => void watch.notes.push({ atMs: clock.now(), text });
  return {
    settings,
    broken,
    note,
    duringRollout: (action) => void watch.duringRollout.push({ fault, action, begun: false }),
    wait: (ms) => clock.sleep(ms),
    async killAndReplace() {
      note(`${processes.killNewest()} is killed`);
      await clock.sleep(settings.lock.leaseMs + settings.lock.heartbeatMs);
      note(`${processes.start(world.deploymentId)} takes over`);
    },
    restartRouters: () => place.restartRouters(),
    revertRouters: () => place.revertRouters(),
    cancel: (reason) => rawLedger.requestCancel(world.deploymentId, "a person (simulated)", reason),
    async lockByHand(reason) {
      await rawLedger.acquireManualLock(settings.environment, "somebody", reason);
    },
  };
}

/** More than any deployment of this environment can take. */
const longestMs = ({ approvals, lock, rollout, observation }: EnvironmentSettings): number =>
  day +
  4 * (approvals.timeoutMs + approvals.waitMs + lock.queueTimeoutMs) +
  rollout.steps.reduce((sum, { bakeMs }) => sum + bakeMs + rollout.unknownForMs + rollout.settleMs, 0) +
  observation.durationMs +
  observation.extendedMs;

const neverEnds = (environment: string): SluiceError =>
  new SluiceError({
    code: "INTERNAL",
    remedy: "bug",
    at: "simulation",
    message: `The simulated deployment to ${environment} did not end.`,
    hint: "Report it with the configuration that shows it: sluice validate",
  });
