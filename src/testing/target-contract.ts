/**
 * What every target promises, as tests. An adapter's own test calls `targetContract("name", makeWorld)`; each test gets a
 * fresh world and closes it. Times are asked of nobody: a virtual clock serves as well as a real one.
 */
import { afterEach, describe, expect, test } from "vitest";
import type { Attempt } from "../domain/attempt.ts";
import { SluiceError } from "../domain/errors.ts";
import type { TargetWorld } from "./target-world.ts";

const ledgerA = "11111111-1111-4111-8111-111111111111";
const ledgerB = "22222222-2222-4222-8222-222222222222";
const attemptOf = (n: number, ledgerId = ledgerA): Attempt => ({
  ledgerId,
  n,
  deploymentId: `1763673600-00000000000${n}`,
});
const never = new AbortController().signal;

async function failureFrom(work: Promise<unknown>) {
  const thrown = await work.then(
    () => undefined,
    (error: unknown) => error,
  );
  expect(thrown).toBeInstanceOf(SluiceError);
  return (thrown as SluiceError).failure;
}

export function targetContract(name: string, makeWorld: () => Promise<TargetWorld>): void {
  describe(`the target contract: ${name}`, () => {
    const worlds: TargetWorld[] = [];
    const freshWorld = async () => {
      const world = await makeWorld();
      worlds.push(world);
      return world;
    };
    afterEach(async () => {
      for (const world of worlds.splice(0)) await world.close();
    });

    startContract(freshWorld);
    stopContract(freshWorld);
    fenceContract(freshWorld);
    artifactContract(freshWorld);
  });
}

function startContract(freshWorld: () => Promise<TargetWorld>): void {
  test("R4 a start returns when every instance is ready, each at its own endpoint", async () => {
    const { target, spec } = await freshWorld();
    const wanted = await spec({ revision: "v1~a", instances: 2 });

    const started = await target.start(wanted, attemptOf(1), never);

    expect(started.map((each) => each.state)).toEqual(["running", "running"]);
    expect(new Set(started.map((each) => each.endpoint.port)).size).toBe(2);
    expect(started[0]).toMatchObject({
      component: "web",
      revision: "v1~a",
      version: wanted.version,
      artifactDigest: wanted.artifact.digest,
    });
    expect(byPort(await target.observe(never))).toEqual(byPort(started));
  });

  test("Z1 a repeated start changes nothing", async () => {
    const world = await freshWorld();
    const wanted = await world.spec({ revision: "v1~a", instances: 2 });
    const first = await world.target.start(wanted, attemptOf(1), never);

    const second = await world.other.start(wanted, attemptOf(2), never);

    expect(second).toEqual(first);
    expect(await world.spawned(wanted)).toBe(2);
  });

  test("Z1 two overlapping starts yield one set of instances", async () => {
    const world = await freshWorld();
    const wanted = await world.spec({ revision: "v1~a", instances: 2 });

    const [one, two] = await Promise.all([
      world.target.start(wanted, attemptOf(1), never),
      world.other.start(wanted, attemptOf(1), never),
    ]);

    expect(two).toEqual(one);
    expect(await world.spawned(wanted)).toBe(2);
  });

  test("two revisions of a component run side by side", async () => {
    const { target, spec } = await freshWorld();
    const [stable] = await target.start(await spec({ revision: "v1~a" }), attemptOf(1), never);
    const [candidate] = await target.start(await spec({ revision: "v2~b" }), attemptOf(2), never);

    expect(candidate?.endpoint).not.toEqual(stable?.endpoint);
    expect((await target.observe(never)).map((each) => `${each.revision} ${each.state}`).toSorted()).toEqual([
      "v1~a running",
      "v2~b running",
    ]);
  });

  test("an instance that ends before it is ready fails the start, with its last lines as evidence", async () => {
    const { target, spec } = await freshWorld();

    const failure = await failureFrom(
      target.start(await spec({ revision: "v1~a", behaviour: "crashes" }), attemptOf(1), never),
    );

    expect(failure.code).toBe("START_FAILED");
    expect(failure.evidence).toContain("boom");
    expect((await target.observe(never)).map((each) => each.state)).toEqual(["crashed"]);
    expect(await target.logTail("web", "v1~a", 50, never)).toContain("boom");
  });

  test("an instance that is never ready fails the start when its time is up", async () => {
    const { target, spec } = await freshWorld();

    const failure = await failureFrom(
      target.start(await spec({ revision: "v1~a", behaviour: "never-ready" }), attemptOf(1), never),
    );

    expect(failure.code).toBe("NOT_READY");
  });

  test("H1 an instance that answers for another version is not taken for ours, and both versions are named", async () => {
    const { target, spec } = await freshWorld();
    const wanted = await spec({ revision: "v1~a", behaviour: "impostor" });

    const failure = await failureFrom(target.start(wanted, attemptOf(1), never));

    expect(failure.code).toBe("VERSION_MISMATCH");
    expect(failure.message).toContain("health body of another version");
    expect(failure.message).toContain('"v0.0.0"');
    expect(failure.message).toContain(`"${wanted.ready.expectVersion}"`);
  });

  test("an instance that ends by itself is seen as crashed and can be started again", async () => {
    const world = await freshWorld();
    const wanted = await world.spec({ revision: "v1~a" });
    await world.target.start(wanted, attemptOf(1), never);

    await world.crash(wanted);

    expect((await world.target.observe(never)).map((each) => each.state)).toEqual(["crashed"]);
    expect((await world.target.start(wanted, attemptOf(1), never)).map((each) => each.state)).toEqual(["running"]);
    expect(await world.spawned(wanted)).toBe(2);
  });
}

function stopContract(freshWorld: () => Promise<TargetWorld>): void {
  test("a stop may be repeated, and a revision that never was is already stopped", async () => {
    const { target, spec } = await freshWorld();
    await target.start(await spec({ revision: "v1~a", instances: 2 }), attemptOf(1), never);

    await target.stop("web", "v1~a", attemptOf(1), never);
    await target.stop("web", "v1~a", attemptOf(1), never);
    await target.stop("web", "v9~z", attemptOf(1), never);

    expect((await target.observe(never)).map((each) => each.state)).toEqual(["stopped", "stopped"]);
  });

  test("a stop leaves other revisions and other components alone", async () => {
    const { target, spec } = await freshWorld();
    await target.start(await spec({ revision: "v1~a" }), attemptOf(1), never);
    await target.start(await spec({ revision: "v2~b" }), attemptOf(1), never);
    await target.start(await spec({ revision: "v1~a", component: "api" }), attemptOf(1), never);

    await target.stop("web", "v1~a", attemptOf(1), never);

    const seen = (await target.observe(never)).map((each) => `${each.component} ${each.revision} ${each.state}`);
    expect(seen.toSorted()).toEqual(["api v1~a running", "web v1~a stopped", "web v2~b running"]);
  });

  test("X2 a stopped revision can be started again", async () => {
    const world = await freshWorld();
    const wanted = await world.spec({ revision: "v1~a" });
    await world.target.start(wanted, attemptOf(1), never);
    await world.target.stop("web", "v1~a", attemptOf(1), never);

    const again = await world.other.start(wanted, attemptOf(2), never);

    expect(again.map((each) => each.state)).toEqual(["running"]);
  });

  test("prune forgets what stopped, keeps what it is told to, and never touches what runs", async () => {
    const { target, spec } = await freshWorld();
    for (const revision of ["v1~a", "v2~b", "v3~c"]) await target.start(await spec({ revision }), attemptOf(1), never);
    await target.stop("web", "v1~a", attemptOf(1), never);
    await target.stop("web", "v2~b", attemptOf(1), never);

    const pruned = await target.prune(["v2~b"], attemptOf(1), never);

    expect(pruned).toEqual(["v1~a"]);
    expect((await target.observe(never)).map((each) => `${each.revision} ${each.state}`).toSorted()).toEqual([
      "v2~b stopped",
      "v3~c running",
    ]);
  });
}

function fenceContract(freshWorld: () => Promise<TargetWorld>): void {
  test("L2 a lower attempt is refused by every change, before anything happens", async () => {
    const { target, other, spec } = await freshWorld();
    const wanted = await spec({ revision: "v1~a" });
    await target.claim(attemptOf(5), never);
    const late = attemptOf(4);

    const failures = [
      await failureFrom(other.claim(late, never)),
      await failureFrom(other.start(wanted, late, never)),
      await failureFrom(other.stop("web", "v1~a", late, never)),
      await failureFrom(other.prune([], late, never)),
    ];

    expect(failures.map((each) => each.code)).toEqual(Array(4).fill("STALE_ATTEMPT"));
    expect(await target.observe(never)).toEqual([]);
    expect(await target.fence(never)).toEqual(attemptOf(5));
  });

  test("L2 the same attempt may claim again, and a higher one takes over", async () => {
    const { target } = await freshWorld();
    await target.claim(attemptOf(5), never);
    await target.claim(attemptOf(5), never);
    await target.claim(attemptOf(6), never);

    expect(await target.fence(never)).toEqual(attemptOf(6));
  });

  test("L2 another ledger is refused, and told who is obeyed and how to take over", async () => {
    const { target, spec } = await freshWorld();
    await target.claim(attemptOf(1), never);

    const claim = await failureFrom(target.claim(attemptOf(9, ledgerB), never));
    const start = await failureFrom(target.start(await spec({ revision: "v1~a" }), attemptOf(9, ledgerB), never));

    expect([claim.code, start.code]).toEqual(["LEDGER_FOREIGN", "LEDGER_FOREIGN"]);
    expect(claim.message).toContain(ledgerA);
    expect(claim.message).toContain(attemptOf(1).deploymentId);
    expect(claim.hint).toContain("sluice lock take-over");
  });

  test("L3 after a take-over nobody acts until the new ledger has claimed, and then the former one is refused", async () => {
    const { target } = await freshWorld();
    await target.claim(attemptOf(7), never);

    await target.disown("the former machine burnt down", never);

    expect((await failureFrom(target.stop("web", "v1~a", attemptOf(7), never))).code).toBe("LEDGER_FOREIGN");
    await target.claim(attemptOf(1, ledgerB), never);
    expect(await target.fence(never)).toEqual(attemptOf(1, ledgerB));
    expect((await failureFrom(target.claim(attemptOf(8), never))).code).toBe("LEDGER_FOREIGN");
  });
}

function artifactContract(freshWorld: () => Promise<TargetWorld>): void {
  test("X6 an artifact is available as long as not a byte of it changed", async () => {
    const world = await freshWorld();
    const { artifact } = await world.spec({ revision: "v1~a" });
    expect(await world.target.available(artifact, never)).toMatchObject({ available: true });

    await world.spoil(artifact);

    const now = await world.target.available(artifact, never);
    expect(now.available).toBe(false);
    expect(now.reason).toContain(artifact.location);
  });

  test("T9 an artifact that changed since it was approved is not started", async () => {
    const world = await freshWorld();
    const wanted = await world.spec({ revision: "v1~a" });
    await world.spoil(wanted.artifact);

    const failure = await failureFrom(world.target.start(wanted, attemptOf(1), never));

    expect(failure.code).toBe("ARTIFACT_CHANGED");
    expect(await world.spawned(wanted)).toBe(0);
  });
}

const byPort = <T extends { readonly endpoint: { readonly port: number } }>(list: readonly T[]): readonly T[] =>
  list.toSorted((a, b) => a.endpoint.port - b.endpoint.port);
