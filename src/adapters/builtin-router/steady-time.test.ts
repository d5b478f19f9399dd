/** Time that is steady, and yet the system's. */
import { expect, test } from "vitest";
import { steadyTime } from "./steady-time.ts";

const hour = 3_600_000;

/** A machine whose clock can be set, and which can sleep. */
function machine() {
  const at = { systemMs: 1_763_600_000_000, steadyMs: 5000 };
  return {
    time: steadyTime(
      () => at.systemMs,
      () => at.steadyMs,
    ),
    passes(ms: number) {
      at.systemMs += ms;
      at.steadyMs += ms;
    },
    systemJumps(ms: number) {
      at.systemMs += ms;
    },
    systemMs: () => at.systemMs,
  };
}

test("it is the system's time, and passes as the system's does", () => {
  const { time, passes, systemMs } = machine();

  passes(250);

  expect(time.now()).toBe(systemMs());
  expect(time.follow()).toBe(0);
});

test("a small correction backwards does not turn it", () => {
  const { time, systemJumps } = machine();
  const before = time.now();

  systemJumps(-900);

  expect(time.follow()).toBe(0);
  expect(time.now()).toBe(before);
});

test.each([
  ["forwards, as after a machine's sleep", hour],
  ["backwards, as when a clock is set right", -hour],
])("O4 it follows a jump %s, so that readers meet its buckets again", (_, jumpMs) => {
  const { time, passes, systemJumps, systemMs } = machine();

  systemJumps(jumpMs);

  expect(time.follow()).toBe(jumpMs);
  passes(10);
  expect(time.now()).toBe(systemMs());
  expect(time.follow()).toBe(0);
});
