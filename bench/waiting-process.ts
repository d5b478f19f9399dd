/**
 * The process whose memory and processor `bench/waiting.ts` reads: a worker's pool with parts in memory. Arguments: ledger's URL,
 * folder, how many, and `begin` or `take-over`. Tells on its output when all wait here, and what they cost while they wait.
 */
import { hostname } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { applicationVersion, type DeploymentInput } from "../src/app/flows.ts";
import { openReaper } from "../src/app/reaper.ts";
import { openState, type State } from "../src/app/state.ts";
import { openPool } from "../src/app/worker-pool.ts";
import { asJson } from "../src/domain/json.ts";
import type { Ledger } from "../src/ports/ledger.ts";
import { realClock } from "../src/testing/real-clock.ts";
import { openFakes } from "../test/scenarios/world-fakes.ts";
import { partsOf } from "../test/scenarios/world-parts.ts";

const [url = "", folder = "", many = "1000", mode = "begin"] = process.argv.slice(2);
const count = Number(many);
const idleMs = 15_000;
const startedAtMs = performance.now();

const fakes = openFakes(
  { environments: ["production"], toolsMs: 0, settings: { approvals: { required: 1, timeoutMs: 24 * 3_600_000 } } },
  realClock(),
);
const { settings, place } = fakes.environment();
/** Whose attendance goes round: they are run. */
const attended = new Set<string>();
let calls = 0;
const state = await openState({ url, stateFolder: folder });
/** Looks on by connections of its own, so that it does not queue behind what is measured. */
const onlooker = await openState({ url, stateFolder: folder });
const ledger = counted(state.ledger);
const pool = openPool({
  state: { ...state, ledger },
  stateFolder: folder,
  environment: {},
  partsFor: (row, own) =>
    partsOf(
      { ...settings, environment: row.environment },
      place,
      { ...fakes.shared, ledger: own.ledger },
      (part) => part,
    ),
});

function counted(real: Ledger): Ledger {
  return new Proxy(real, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      return (...given: unknown[]) => {
        calls++;
        if (key === "heartbeat") attended.add(String(given[0]));
        if (key === "heartbeats") for (const { id } of given[0] as readonly { id: string }[]) attended.add(id);
        return Reflect.apply(member, target, given) as unknown;
      };
    },
  });
}

/** One environment each: of several releases that wait in one, all but the newest are superseded. */
async function begin({ ledger: own }: Pick<State, "ledger">): Promise<void> {
  const commit = (await fakes.source.resolve({ kind: "tag", name: "v1.0.0" }, new AbortController().signal))?.sha ?? "";
  const deploy = { ref: { kind: "tag", name: "v1.0.0" }, commit, approvalsRequired: 1 } as const;
  for (let at = 0; at < count; at++) {
    const environment = `env-${at}`;
    const input: DeploymentInput = {
      settings: { ...settings, environment },
      projectFolder: folder,
      host: hostname(),
      deploy,
      rollback: null,
    };
    const { id } = await own.createDeployment({
      id: `d-${at}`,
      project: settings.project,
      environment,
      kind: "deploy",
      version: "v1.0.0",
      commit,
      startedBy: "bench",
      input: asJson(input),
      applicationVersion,
    });
    pool.run(id).catch((thrown: unknown) => console.error(thrown));
    // So many plan at once; the others wait already.
    while (at + 1 - (await waiting()) > 25) await pause(500);
  }
  while ((await waiting()) < count) await pause(500);
}

async function waiting(): Promise<number> {
  return (await onlooker.ledger.underWay([])).filter((row) => row.state === "waiting").length;
}

async function takeOver(): Promise<void> {
  const reaper = openReaper({
    ledger,
    host: hostname(),
    projectFolder: folder,
    pool: async () => pool,
    neverBegins: () => false,
    isHere: (id) => pool.running.has(id),
    tell: (text) => (text.startsWith("takes over") ? undefined : console.error(text)),
  });
  while (pool.running.size < count) {
    await reaper.look();
    await pause(200);
  }
  while (attended.size < count) await pause(50);
}

await (mode === "begin" ? begin({ ledger: state.ledger }) : takeOver());
const allHereSeconds = (performance.now() - startedAtMs) / 1_000;
const before = { calls, cpu: process.cpuUsage() };
await pause(idleMs);
const cpu = process.cpuUsage(before.cpu);
console.log(
  JSON.stringify({
    allHereSeconds,
    rssMiB: process.memoryUsage().rss / 2 ** 20,
    cpuShare: (cpu.user + cpu.system) / 1_000 / idleMs,
    ledgerCallsPerSecond: (1_000 * (calls - before.calls)) / idleMs,
  }),
);
