import { expect, test } from "vitest";
import type { Notification } from "../domain/notification.ts";
import { fail, pass } from "../domain/verdict.ts";
import { checkContract } from "./check-contract.ts";
import { memoryCheck } from "./memory-check.ts";
import { memoryNotifier } from "./memory-notifier.ts";

checkContract("the check in memory", {
  passing: () => memoryCheck({ name: "api", answer: () => pass }),
  failing: () => memoryCheck({ name: "api", answer: () => fail("500") }),
});

test("the check in memory asks for its answer at each probe", async () => {
  const answers = [pass, fail("500")];
  const check = memoryCheck({ name: "api", critical: false, answer: () => answers.shift() ?? pass });
  const signal = new AbortController().signal;

  const kinds = [await check.probe(signal), await check.probe(signal), await check.probe(signal)].map(
    (r) => r.verdict.kind,
  );

  expect(kinds).toEqual(["pass", "fail", "pass"]);
  expect(check.critical).toBe(false);
});

test("N3 the channel in memory rejects while it is down and tells repeats apart", async () => {
  let down = true;
  const channel = memoryNotifier({ down: () => down });
  const signal = new AbortController().signal;
  const notification = { title: "started" } as Notification;

  await expect(channel.tell(notification, "a", signal)).rejects.toThrow("down");
  down = false;
  for (const key of ["a", "b", "a"]) await channel.tell(notification, key, signal);

  expect(channel.deliveries.map(({ key }) => key)).toEqual(["a", "b", "a"]);
  expect(channel.told()).toHaveLength(2);
});
