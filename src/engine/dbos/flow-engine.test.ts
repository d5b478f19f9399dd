import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { FlowEngine } from "../../ports/flow.ts";
import { flowContract } from "../../testing/flow-contract.ts";
import { realClock, until } from "../../testing/real-clock.ts";
import { freePort } from "../../testing/router-world.ts";
import { embeddedPostgresStatus } from "../embedded-postgres/open.ts";
import { openLedgerDatabase } from "../open-ledger-database.ts";
import { type TestDatabase, testDatabase } from "../test-database.ts";
import { dbosFlowEngine } from "./flow-engine.ts";

const schema = "journal of tests";
let database: TestDatabase;
let engines = 0;

beforeAll(async () => {
  database = await testDatabase();
});

afterAll(async () => {
  await database.remove();
});

const newEngine = (applicationVersion = "test"): FlowEngine =>
  dbosFlowEngine({ url: database.url, executorId: `e${process.pid}-${++engines}`, applicationVersion, schema });

flowContract("DBOS", async () => {
  let current: FlowEngine | undefined;
  return {
    clock: realClock(),
    async process(bodies) {
      // One engine per process: the one before goes down, its running step goes on.
      await current?.shutdown();
      current = newEngine();
      for (const [name, body] of Object.entries(bodies)) current.register(name, body);
      await current.launch();
      return current;
    },
    dispose: async () => current?.shutdown(),
  };
});

/** The child's lines as they come; `said` resolves when one of them is `line`. */
function runFlowProcess(id: string) {
  const script = fileURLToPath(new URL("flow-process.ts", import.meta.url));
  const args = [script, database.url, schema, `child-${++engines}-${process.pid}`, id];
  const child: ChildProcess = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const lines: string[] = [];
  const waiting = new Map<string, () => void>();
  createInterface({ input: child.stdout as NodeJS.ReadableStream }).on("line", (line) => {
    lines.push(line);
    waiting.get(line)?.();
  });
  const said = (line: string) =>
    new Promise<void>((resolve) => (lines.includes(line) ? resolve() : waiting.set(line, resolve)));
  return { child, lines, said };
}

async function successor(id: string): Promise<{ readonly engine: FlowEngine; readonly ran: string[] }> {
  const ran: string[] = [];
  const engine = newEngine();
  engine.register("deploy", async (flow) => {
    for (const step of ["backup", "migrate", "promote"]) await flow.step(step, async () => void ran.push(step));
    return "by the successor";
  });
  await engine.launch();
  await engine.takeOver(id);
  return { engine, ran };
}

test("a flow whose process was killed goes on elsewhere; what was journalled is not run again", async () => {
  const { child, said } = runFlowProcess("killed");
  await said("migrate");
  child.kill("SIGKILL");
  await once(child, "exit");

  const { engine, ran } = await successor("killed");

  expect(await engine.settled("killed")).toEqual({ kind: "finished", output: "by the successor" });
  expect(ran).toEqual(["migrate", "promote"]);
  await engine.shutdown();
});

test("a process that stood still while it was replaced loses the flow at its next write", async () => {
  const { child, lines, said } = runFlowProcess("stopped");
  await said("migrate");
  child.kill("SIGSTOP");
  const { engine, ran } = await successor("stopped");
  await engine.settled("stopped");

  child.kill("SIGCONT");
  child.stdin?.write("go on\n");
  await once(child, "exit");

  expect(lines).toEqual(["launched", "backup", "migrate", "FlowLost", "FlowLost", "settled: FlowLost"]);
  expect(ran).toEqual(["migrate", "promote"]);
  expect(await engine.state("stopped")).toEqual({ kind: "finished", output: "by the successor" });
  await engine.shutdown();
});

test("launching runs nobody's flows", async () => {
  const { child, said } = runFlowProcess("left");
  await said("migrate");
  child.kill("SIGKILL");
  await once(child, "exit");
  const ran: string[] = [];
  const engine = newEngine();
  engine.register("deploy", (flow) => flow.step("backup", async () => void ran.push("backup")).then(() => null));

  await engine.launch();
  // Two polls of DBOS's queues.
  await realClock().sleep(2_200);

  expect(await engine.state("left")).toEqual({ kind: "running" });
  expect(ran).toEqual([]);
  await engine.shutdown();
});

const launchTwice = `
import { once } from "node:events";
import { dbosFlowEngine } from ${JSON.stringify(new URL("flow-engine.ts", import.meta.url).href)};
const [url, schema] = process.argv.slice(1);
const engine = dbosFlowEngine({ url, schema, executorId: "twice-" + process.pid, applicationVersion: "test" });
engine.register("greet", (flow) => flow.step("say", async () => "hello"));
await engine.launch().catch(({ failure }) => console.log(failure.code));
await once(process.stdin, "data");
process.stdin.destroy();
if (process.argv[3] === "again") {
  await engine.launch();
  await engine.start("greet", "greeted", null);
  console.log((await engine.settled("greeted")).output);
}
await engine.shutdown();
console.log("shut down");
`;

test.each(["again", "never"])(
  "Z1 an engine whose database was away at its launch, launched %s, keeps no process from ending",
  async (launched) => {
    const port = await freePort();
    const away = new URL(database.url);
    const socket = join(away.searchParams.get("host") ?? "", `.s.PGSQL.${away.port}`);
    away.search = "";
    away.host = `127.0.0.1:${port}`;
    const argv = ["--input-type=module", "--eval", launchTwice, away.href, schema, launched];
    const child = spawn(process.execPath, argv, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async () => (await lines.next()).value;

    expect(await next()).toBe("ENGINE_FAILED");
    const forward = createServer((from) => {
      const to = connect(socket);
      from.pipe(to).pipe(from);
      for (const each of [from, to]) each.on("error", () => undefined);
    }).listen(port, "127.0.0.1");
    await once(forward, "listening");
    child.stdin.write("it is back\n");

    if (launched === "again") expect(await next()).toBe("hello");
    expect(await next()).toBe("shut down");
    const late = setTimeout(() => child.kill("SIGKILL"), 10_000);
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    clearTimeout(late);
    expect([child.exitCode, child.signalCode]).toEqual([0, null]);
    forward.close();
  },
);

test("a flow of another application version is refused, in words", async () => {
  const { child, said } = runFlowProcess("versioned");
  await said("migrate");
  child.kill("SIGKILL");
  await once(child, "exit");
  const engine = newEngine("another");
  await engine.launch();

  await expect(engine.takeOver("versioned")).rejects.toMatchObject({
    failure: { code: "ENGINE_FAILED", message: expect.stringContaining("started by version test") },
  });

  await engine.shutdown();
});

test("a process that has not launched sends messages and reads states", async () => {
  const { child, said } = runFlowProcess("told");
  await said("migrate");
  const engine = newEngine();

  await engine.send("told", "people", "yes", "k");

  expect(await engine.state("told")).toEqual({ kind: "running" });
  child.kill("SIGKILL");
  await once(child, "exit");
  await engine.shutdown();
});

test("L2 a message wakes the wait of its own process promptly although NOTIFY was lost with its connection", async () => {
  const engine = newEngine();
  let waiting = false;
  engine.register("listen", async (flow) => {
    waiting = true;
    return (await flow.waitFor("people", 60_000)) ?? "none";
  });
  await engine.launch();
  await engine.start("listen", "deaf", null);
  await until(() => waiting, "the wait");
  const admin = new pg.Client({ connectionString: database.url });
  await admin.connect();
  try {
    // What is sent now reaches nobody by NOTIFY: only the poll after 30 s would find it.
    const listeners = `select pg_terminate_backend(pid) from pg_stat_activity
      where pid <> pg_backend_pid() and (query like 'LISTEN%' or query like 'NOTIFY%' or application_name = $1)`;
    expect((await admin.query(listeners, [`sluice ${engine.executorId}`])).rowCount).toBeGreaterThan(0);
  } finally {
    await admin.end();
  }
  const sentAtMs = performance.now();

  await engine.send("deaf", "people", "yes", "k");

  expect(await engine.settled("deaf")).toEqual({ kind: "finished", output: "yes" });
  expect(performance.now() - sentAtMs).toBeLessThan(10_000);
  await engine.shutdown();
});

test.each(["SIGKILL", "SIGINT"])(
  "flows outlive the database's end by %s, between steps, in a step and in a wait",
  async (signal) => {
    const location = await openLedgerDatabase({ stateFolder: database.stateFolder });
    const engine = newEngine();
    const dead = Promise.withResolvers<void>();
    let waiting = 0;
    engine.register("wait", async (flow) => {
      waiting++;
      const told = await flow.waitFor("people", 60_000);
      return flow.step("use it", async () => told ?? "nothing");
    });
    engine.register("work", async (flow) => {
      const first = await flow.step("first", () => dead.promise.then(() => 1));
      return flow.step("second", async () => first + 1);
    });
    engine.register("between", async (flow) => {
      await dead.promise;
      return flow.step("only", async () => "done");
    });
    await engine.launch();
    const kinds = ["wait", "work", "between"];
    for (const kind of kinds) await engine.start(kind, `${kind} through ${signal}`, null);
    await until(() => waiting === 1, "the wait");
    const serverPid = (await embeddedPostgresStatus(database.stateFolder))?.pid as number;

    process.kill(serverPid, signal);
    await until(async () => (await embeddedPostgresStatus(database.stateFolder)) === undefined, "the database's death");
    dead.resolve();
    await realClock().sleep(300);
    await location.ensure();
    await until(
      () =>
        engine.send(`wait through ${signal}`, "people", "yes", "k").then(
          () => true,
          () => false,
        ),
      "the message",
    );

    expect(location.url).toBe(database.url);
    const ends = await Promise.all(kinds.map((kind) => engine.settled(`${kind} through ${signal}`)));
    expect(ends.map((end) => end.kind === "finished" && end.output)).toEqual(["yes", 2, "done"]);
    await engine.shutdown();
    await location.close();
  },
);
