import { expect, test } from "vitest";
import { type DoraDeployment, doraOf } from "./dora.ts";

const hour = 3_600_000;
const day = 24 * hour;

const deployment = (endedAtMs: number, more: Partial<DoraDeployment> = {}): DoraDeployment => ({
  environment: "production",
  kind: "deploy",
  outcome: "succeeded",
  createdAtMs: endedAtMs - hour,
  endedAtMs,
  committedAtMs: endedAtMs - day,
  firstTrafficAtMs: endedAtMs - hour / 2,
  backAtMs: null,
  ...more,
});
const rolledBack = (endedAtMs: number): DoraDeployment =>
  deployment(endedAtMs, { outcome: "rolled-back", backAtMs: endedAtMs - hour / 2 + 60_000 });

test("D6 nothing deployed is nothing known, not zero", () => {
  const { deploymentsPerDay, leadTimeMs, changeFailureShare, recoveryMs, reworkShare } = doraOf([], 0, day);

  for (const figure of [deploymentsPerDay, leadTimeMs, changeFailureShare, recoveryMs, reworkShare])
    expect(figure).toEqual({ value: null, of: 0 });
});

test("D6 how often, how fast: successes a day, and the median from the commit to being live", () => {
  const all = [deployment(day), deployment(2 * day, { committedAtMs: 2 * day - 3 * hour }), deployment(3 * day)];

  const { deploymentsPerDay, leadTimeMs } = doraOf([...all, deployment(20 * day)], 0, 10 * day);

  expect(deploymentsPerDay).toEqual({ value: 0.3, of: 3 });
  expect(leadTimeMs).toEqual({ value: day, of: 3 });
});

test("D6 of an even number the median is between the two in the middle; what has no commit time does not count", () => {
  const lead = (ms: number | null) => deployment(5 * day, { committedAtMs: ms === null ? null : 5 * day - ms });

  expect(doraOf([lead(1), lead(2), lead(4), lead(9), lead(null)], 0, 9 * day).leadTimeMs).toEqual({ value: 3, of: 4 });
});

test("D6 what was taken back by itself failed, recovered from its first traffic on, and what came next is rework", () => {
  const all = [deployment(day), rolledBack(2 * day), deployment(3 * day), deployment(4 * day)];

  const { changeFailureShare, recoveryMs, reworkShare } = doraOf(all, 0, 10 * day);

  expect(changeFailureShare).toEqual({ value: 0.25, of: 4 });
  expect(recoveryMs).toEqual({ value: 60_000, of: 1 });
  expect(reworkShare).toEqual({ value: 0.25, of: 4 });
});

test("D6 a rollback by hand makes the deployment before it a failure, once", () => {
  const back = deployment(2 * day, { kind: "rollback", createdAtMs: 2 * day - 5 * 60_000 });

  const { changeFailureShare, recoveryMs } = doraOf([deployment(day), back], 0, 10 * day);

  expect(changeFailureShare).toEqual({ value: 1, of: 1 });
  expect(recoveryMs).toEqual({ value: 5 * 60_000, of: 1 });
});

test("D6 a failed rollback recovers with the next success in its environment, not in another", () => {
  const broken = deployment(day, { outcome: "rollback-failed", firstTrafficAtMs: day - hour });
  const all = [broken, deployment(day + hour, { environment: "staging" }), deployment(day + 2 * hour)];

  expect(doraOf(all, 0, 10 * day).recoveryMs).toEqual({ value: 3 * hour, of: 1 });
  expect(doraOf([broken], 0, 10 * day).recoveryMs).toEqual({ value: null, of: 0 });
});

test("D6 what was refused before it got traffic reached nobody and is no failure of a change", () => {
  const refused = deployment(day, { outcome: "refused", firstTrafficAtMs: null });

  expect(doraOf([refused, deployment(2 * day)], 0, 10 * day).changeFailureShare).toEqual({ value: 0, of: 1 });
});
