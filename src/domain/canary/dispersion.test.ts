import { describe, expect, test } from "vitest";
import { type Dispersion, dispersionUpper, endHistory, noDispersion, stepDispersion } from "./dispersion.ts";

const minutes = (rows: readonly (readonly number[])[], requests = 1500, from = noDispersion): Dispersion =>
  endHistory(
    rows.reduce(
      (state, row, minute) =>
        stepDispersion(
          state,
          minute * 60_000,
          row.map((events) => ({ events, total: requests })),
        ),
      from,
    ),
  );

describe("Z2: how bursty failures are", () => {
  test("is unknown before the first whole minute, and in minutes without failures", () => {
    expect(dispersionUpper(noDispersion)).toBeUndefined();
    expect(dispersionUpper(stepDispersion(noDispersion, 0, [{ events: 5, total: 10 }]))).toBeUndefined();
    expect(
      dispersionUpper(
        minutes([
          [0, 0],
          [0, 0],
        ]),
      ),
    ).toBeUndefined();
  });

  test("is never told to be less than chance, where replicas are all alike", () => {
    expect(dispersionUpper(minutes(Array.from({ length: 50 }, () => [4, 4, 4, 4])))).toBe(1);
  });

  test("is not raised by an outage that all replicas share, which successive minutes would be fooled by", () => {
    const shared = Array.from({ length: 50 }, (_, minute) => (minute % 10 === 0 ? 100 : 4));

    expect(dispersionUpper(minutes(shared.map((all) => [all, all, all, all])))).toBe(1);
    expect(dispersionUpper(minutes(shared.map((all) => [all])))).toBeGreaterThan(10);
  });

  test("compares replicas by the requests that each of them had", () => {
    const uneven = Array.from({ length: 50 }, (_, minute) => ({ startMs: minute * 60_000 })).reduce(
      (state, { startMs }) =>
        stepDispersion(state, startMs, [
          { events: 30, total: 3000 },
          { events: 10, total: 1000 },
          { events: 0, total: 0 },
        ]),
      noDispersion,
    );

    expect(dispersionUpper(uneven)).toBe(1);
  });

  test("without replicas, takes neither half a minute nor another weight for a burst", () => {
    const steady = [30_000, 15_000, 30_000, 1_500, 28_500].reduce(
      (state, total, minute) => stepDispersion(state, minute * 60_000, [{ events: total / 100, total }]),
      noDispersion,
    );

    expect(dispersionUpper(endHistory(steady))).toBe(1);
  });

  test("without replicas, does not compare minutes with a gap between them", () => {
    const first = stepDispersion(noDispersion, 0, [{ events: 100, total: 1000 }]);
    const later = stepDispersion(first, 3_600_000, [{ events: 1, total: 1000 }]);

    expect(dispersionUpper(endHistory(later))).toBeUndefined();
  });

  test("folds more than sixteen replicas together", () => {
    const state = minutes([Array.from({ length: 40 }, () => 3)]);

    expect(state.shardDegrees).toBe(15);
    expect(dispersionUpper(state)).toBeGreaterThanOrEqual(1);
  });
});
