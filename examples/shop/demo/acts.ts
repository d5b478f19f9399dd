/** The demo's story: one act a release, what it says beforehand, and how it has to end. */
import type { Outcome } from "../../../src/domain/outcome.ts";
import { isAt, latestIn } from "./reading.ts";
import type { Stage } from "./set-up.ts";

export interface Act {
  readonly tag: string;
  readonly environment: "production" | "uat";
  readonly title: string;
  readonly says: string;
  readonly expected: {
    readonly outcome: Outcome;
    readonly exitCode: number;
    /** One line of the recorded failure has to say this. */
    readonly reason?: RegExp;
    /** And another line this. */
    readonly also?: RegExp;
  };
  /** Put before the reason in the table. */
  readonly because?: string;
  /** Deploys it, to the exit code; the plain command where it is absent. */
  readonly play?: (stage: Stage) => Promise<number | null>;
}

const production = "production" as const;

export const acts: readonly Act[] = [
  {
    tag: "v1.0.0",
    environment: production,
    title: "the first release",
    says: "Nothing serves yet, so it gets all traffic at once. The load begins as soon as the shop answers, and never stops.",
    expected: { outcome: "succeeded", exitCode: 0 },
    play: firstRelease,
  },
  {
    tag: "v1.1.0",
    environment: production,
    title: "a good release with migrations",
    says: "Backup, migrations, then 5 %, 50 % and 100 % of the traffic, each watched against the running version.",
    expected: { outcome: "succeeded", exitCode: 0 },
    because: "2 migrations",
  },
  {
    tag: "v1.2.0",
    environment: production,
    title: "a release that is healthy by its own word",
    says: "Its health endpoint answers 200, yet it fails a quarter of the requests for items. Nobody is told; it has to be noticed.",
    expected: { outcome: "rolled-back", exitCode: 4, reason: /errors: .*evidence/ },
  },
  {
    tag: "v1.3.0",
    environment: production,
    title: "a good release, whose orchestrator is killed",
    says: "In the middle of its 50 % step, kill -9 ends the deploying process and the terminal that follows it.",
    expected: { outcome: "succeeded", exitCode: 0 },
    because: "killed at 50 %, taken over with nobody watching",
    play: killedAtHalf,
  },
  {
    tag: "v1.4.0",
    environment: production,
    title: "a release that crashes when it starts",
    says: "A setting is missing in production. It must not see a single request.",
    expected: { outcome: "failed", exitCode: 1, reason: /^Error: .*SHOP_EXCHANGE_RATES/ },
  },
  {
    tag: "v1.5.0",
    environment: production,
    title: "a release that would break the running version",
    says: "It renames a column that v1.3.0 still reads. The plan has to refuse it, before anything is touched.",
    expected: { outcome: "refused", exitCode: 3, reason: /RENAME COLUMN/ },
  },
  {
    tag: "v1.6.0",
    environment: production,
    title: "a release whose migration fails half-way",
    says: "Its second statement names a table that does not exist. No traffic may move, and the empty table of its first one has to go.",
    expected: {
      outcome: "failed",
      exitCode: 1,
      reason: /failed at statement 2/,
      also: /taken away again: table reviews/,
    },
  },
  {
    tag: "v2.0.0-rc.1",
    environment: "uat",
    title: "an environment that needs two approvals",
    says: "Carol starts it. Approvals are SSH signatures over exactly this plan; hers does not count.",
    expected: { outcome: "succeeded", exitCode: 0 },
    because: "carol refused, approved by alice and bob",
    play: approvedByTwo,
  },
];

async function firstRelease({ sluice, load, address }: Stage): Promise<number | null> {
  const over = new AbortController();
  const deploying = sluice("deploy", production, "v1.0.0").ended.finally(() => over.abort());
  const [exitCode] = await Promise.all([deploying, load.beginWhen(address, over.signal)]);
  return exitCode;
}

async function killedAtHalf(stage: Stage): Promise<number | null> {
  const { sluice, ledger, screen, load, until, pause } = stage;
  const terminal = sluice("deploy", production, "v1.3.0");
  const worker = await until("v1.3.0 to be at 50 %", terminal, async () => {
    const row = await latestIn(ledger, production);
    if (row?.version !== "v1.3.0" || row.executor === null) return undefined;
    return (await ledger.events(row.id, 0)).some(isAt(50)) ? { id: row.id, pid: row.executor.pid } : undefined;
  });
  if (worker === undefined) return terminal.ended;
  await pause(1_500);
  process.kill(worker.pid, "SIGKILL");
  process.kill(terminal.pid, "SIGKILL");
  const killedAtMs = Date.now();
  await terminal.ended;
  screen.bad(`kill -9 ${worker.pid} (the deployment's process) ${terminal.pid} (the terminal)`);
  const successor = await takenOver(stage, worker);
  const seconds = ((Date.now() - killedAtMs) / 1_000).toFixed(1);
  await pause(1_000);
  const { ok, failedBySluice } = await load.between(killedAtMs, Date.now());
  const who = successor === undefined ? "Nobody took it over" : `Process ${successor}, its standby, took it over`;
  screen.say(`${who} after ${seconds} s. Meanwhile ${ok} requests were answered, ${failedBySluice} lost.`);
  return sluice("logs", worker.id, "--follow").ended;
}

/** Nobody follows and nobody types: who runs it now? Undefined after ten seconds. */
async function takenOver({ ledger, pause }: Stage, worker: { readonly id: string; readonly pid: number }) {
  for (let looks = 0; looks < 100; looks++) {
    const pid = (await ledger.deployment(worker.id))?.executor?.pid;
    if (pid !== undefined && pid !== worker.pid) return pid;
    await pause(100);
  }
  return undefined;
}

async function approvedByTwo(stage: Stage): Promise<number | null> {
  const { sluice, ledger, screen, keys, until, pause } = stage;
  const deploying = sluice("deploy", "uat", "v2.0.0-rc.1", "--as", "carol", "--wait");
  const waiting = (missing: number) =>
    until(`it to wait for ${missing} approvals`, deploying, async () => {
      const row = await latestIn(ledger, "uat");
      const asked = row && (await ledger.events(row.id, 0)).some(({ key }) => key === `waiting-${missing}`);
      return asked && row.state === "waiting" ? row.id : undefined;
    });
  const approve = (id: string, name: string) => sluice("approve", id, "--as", name, "--key", keys[name] ?? "").ended;
  const id = await waiting(2);
  if (id === undefined) return deploying.ended;
  // The follower's lines first, then the next command.
  await pause(400);
  const refused = await approve(id, "carol");
  if (refused !== 3) screen.bad(`Carol's vote should have been refused with exit code 3, not ${refused}.`);
  await approve(id, "alice");
  await waiting(1);
  await pause(400);
  await approve(id, "bob");
  const exitCode = await deploying.ended;
  return refused === 3 ? exitCode : refused;
}
