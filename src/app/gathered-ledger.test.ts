import { expect, test } from "vitest";
import { memoryLedger } from "../engine/ledger/memory-ledger.ts";
import { peopleTopic } from "../ports/ledger.ts";
import { realClock } from "../testing/real-clock.ts";
import { gatheredLedger } from "./gathered-ledger.ts";

const many = 20;

/** A process that runs `many`, and how often it asked for what. */
async function gathered(running = () => many) {
  const clock = realClock();
  const memory = memoryLedger({ now: clock.now, id: "ledger" });
  const asked: string[] = [];
  const counted = new Proxy(memory, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      return (...given: unknown[]) => {
        asked.push(String(key));
        return Reflect.apply(member, target, given) as unknown;
      };
    },
  });
  const attempts = [];
  for (let n = 0; n < many; n++) {
    const { id } = await memory.createDeployment({
      id: `d-${n}`,
      project: "shop",
      environment: `env-${n}`,
      kind: "deploy",
      version: "v1.0.0",
      commit: "abc",
      startedBy: "ada",
      input: {},
      applicationVersion: "1",
    });
    attempts.push(await memory.beginAttempt(id, { id: "e", host: "h", pid: 1 }));
  }
  return { memory, asked, attempts, ledger: gatheredLedger(counted, clock, running) };
}

test("L2 many heartbeats at once become one call, and what it says is not there is not asked for", async () => {
  const { memory, asked, attempts, ledger } = await gathered();
  await memory.post("d-3", peopleTopic, { kind: "approval", by: "grace" }, "m");

  await Promise.all(attempts.map((attempt) => ledger.heartbeat(attempt.deploymentId, attempt, 3_000)));
  const messages = await Promise.all(attempts.map(({ deploymentId }) => ledger.undeliveredMessages(deploymentId)));
  await Promise.all(attempts.map(({ deploymentId }) => ledger.dueNotifications(20, deploymentId)));

  expect(messages.map((each) => each.length)).toEqual(attempts.map((_, n) => (n === 3 ? 1 : 0)));
  expect(asked).toEqual(["heartbeats", "undeliveredMessages"]);
});

test("L2 what came since is asked for after the next heartbeat, and at once where only few are left", async () => {
  let running = many;
  const { memory, attempts, ledger } = await gathered(() => running);
  const beatOf = (n: number) => ledger.heartbeat(`d-${n}`, { ledgerId: "ledger", n: 1, deploymentId: `d-${n}` }, 3_000);
  const messagesOf = async (n: number) => (await ledger.undeliveredMessages(`d-${n}`)).length;
  await Promise.all(attempts.map((_, n) => beatOf(n)));
  for (const n of [3, 4]) await memory.post(`d-${n}`, peopleTopic, { kind: "approval", by: "grace" }, `m-${n}`);
  expect([await messagesOf(3), await messagesOf(4)]).toEqual([0, 0]);

  await beatOf(3);
  running = 1;
  await beatOf(4);

  expect([await messagesOf(3), await messagesOf(4)]).toEqual([1, 1]);
});

test("L2 whoever is not in charge any more hears it alone; the others keep their leases", async () => {
  const { memory, attempts, ledger } = await gathered();
  await memory.beginAttempt("d-7", { id: "another", host: "h", pid: 2 });

  const beats = attempts.map((attempt) => ledger.heartbeat(attempt.deploymentId, attempt, 3_000));
  const ended = await Promise.allSettled(beats);

  expect(ended.flatMap(({ status }, n) => (status === "rejected" ? [n] : []))).toEqual([7]);
  await expect(beats[7]).rejects.toMatchObject({ failure: { code: "STALE_ATTEMPT" } });
});

test("a process that runs one deployment asks as before", async () => {
  const { asked, attempts, ledger } = await gathered(() => 1);
  const [attempt] = attempts;
  if (attempt === undefined) throw new Error("no attempt");

  await ledger.heartbeat(attempt.deploymentId, attempt, 3_000);
  await ledger.undeliveredMessages(attempt.deploymentId);

  expect(asked).toEqual(["heartbeat", "undeliveredMessages"]);
});
