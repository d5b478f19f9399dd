/** The processes of a simulation: each runs the one deployment as app/worker.ts does, can be killed, and is replaced. */
import type { SimulatedWorld } from "../../engine/simulated/world.ts";
import { deliverNotifications } from "../../pipeline/outbox.ts";
import type { Parts } from "../../pipeline/parts.ts";
import { type FlowEngine, FlowLost } from "../../ports/flow.ts";
import type { Ledger } from "../../ports/ledger.ts";
import { deploymentFlow, type Executor, registerFlows } from "../flows.ts";

export interface SimulatedProcesses {
  /** Starts one, which takes over where another one began. Returns its name. */
  start(deploymentId: string): string;
  killNewest(): string;
  /** Resolves when the flow has ended; rejects where it broke. */
  readonly ended: Promise<void>;
}

export interface ProcessesOptions {
  readonly simulated: SimulatedWorld;
  /** As the processes reach it: it may be away. */
  readonly ledger: Ledger;
  /** Never away. */
  readonly rawLedger: Ledger;
  readonly partsFor: (mortal: <T extends object>(part: T) => T) => Parts;
}

const lastDeliveries = 3;

export function simulatedProcesses({ simulated, ledger, rawLedger, partsFor }: ProcessesOptions): SimulatedProcesses {
  const { clock } = simulated;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  promise.catch(() => undefined);
  let count = 0;

  /** As `sluice resume` does it. */
  async function takeCharge(id: string, executor: Executor): Promise<void> {
    const row = await rawLedger.deployment(id);
    if (row && row.outcome === null) await rawLedger.beginAttempt(id, executor, row.attempt);
  }

  async function work(engine: FlowEngine, parts: Parts, id: string, executor: Executor): Promise<void> {
    if (await engine.state(id)) {
      await takeCharge(id, executor);
      await engine.takeOver(id);
    } else await engine.start(deploymentFlow, id, {});
    const end = await engine.settled(id);
    if (end.kind === "broken") throw new Error(`the simulated flow broke: ${end.error}`);
    for (let tries = 0; tries < lastDeliveries && (await rawLedger.undelivered(id)).length > 0; tries++) {
      await deliverNotifications(parts, id, new AbortController().signal);
      await clock.sleep(1_000);
    }
  }

  return {
    ended: promise,
    start(deploymentId) {
      const name = `process ${++count}`;
      const parts = partsFor((part) => simulated.mortal(name, part));
      const engine = simulated.engine(name);
      const executor = { id: name, host: "simulated-host", pid: count };
      const mortalLedger = simulated.mortal(name, ledger);
      registerFlows(engine, { clock: parts.clock, ledger: mortalLedger, executor, wire: () => parts });
      work(engine, parts, deploymentId, executor).then(resolve, (thrown: unknown) => {
        if (!(thrown instanceof FlowLost)) reject(thrown);
      });
      return name;
    },
    killNewest() {
      const name = `process ${count}`;
      simulated.crash(name);
      return name;
    },
  };
}
