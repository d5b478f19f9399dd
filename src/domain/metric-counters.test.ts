import fc from "fast-check";
import { expect, test } from "vitest";
import { type CounterSample, countsOfProcesses, countsPerBucket } from "./metric-counters.ts";

const bucketMs = 5000;
const grid = (fromIndex: number, toIndex: number) => ({ bucketMs, fromIndex, toIndex });
const at = (index: number, ...values: number[]): CounterSample => ({ atMs: index * bucketMs, values });

/** What a process counted in each bucket, and whether it started anew just before the bucket's end. */
const history = fc.array(fc.record({ counts: fc.tuple(fc.nat(1000), fc.nat(1000)), reset: fc.boolean() }), {
  minLength: 1,
  maxLength: 30,
});
type History = typeof history extends fc.Arbitrary<infer T> ? T : never;

/** The counters as they are read at every edge, each start with a process id of its own where `origins` is set. */
function samplesOf(steps: History, origins: boolean): readonly CounterSample[] {
  let life = 0;
  let [events, total] = [0, 0];
  const sample = (index: number): CounterSample => ({
    ...at(index, events, total),
    ...(origins ? { origin: String(life) } : {}),
  });
  return [
    sample(0),
    ...steps.map(({ counts, reset }, index) => {
      if (reset) {
        life += 1;
        [events, total] = [0, 0];
      }
      events += counts[0];
      total += counts[1];
      return sample(index + 1);
    }),
  ];
}

const counted = (samples: readonly CounterSample[], toIndex: number) =>
  countsPerBucket(samples, grid(0, toIndex), 0).map((one) => (one.kind === "counted" ? one.values : undefined));

test("O4 wherever a process starts anew, each bucket has what was counted in it since", () => {
  fc.assert(
    fc.property(history, (steps) => {
      expect(counted(samplesOf(steps, true), steps.length)).toEqual(steps.map(({ counts }) => [...counts]));
    }),
  );
});

test("O4 without a process id a restart is seen by the fall; counts are never negative and never more than the counters show", () => {
  fc.assert(
    fc.property(history, (steps) => {
      const samples = samplesOf(steps, false);
      const shown = (index: number) => samples[index]?.values ?? [];
      const fell = steps.map((_, index) => shown(index + 1).some((value, place) => value < (shown(index)[place] ?? 0)));
      const buckets = countsPerBucket(samples, grid(0, steps.length), 0);
      const values = buckets.map((bucket) => (bucket.kind === "counted" ? bucket.values : []));

      expect(buckets.map((bucket) => bucket.kind === "counted" && bucket.resetSeen)).toEqual(fell);
      expect(values.flat()).toHaveLength(2 * steps.length);
      expect(
        values.flatMap((pair, index) =>
          pair.filter((value, place) => value < 0 || value > (shown(index + 1)[place] ?? 0)),
        ),
      ).toEqual([]);
      expect(values.filter((_, index) => !steps[index]?.reset)).toEqual(
        steps.filter(({ reset }) => !reset).map(({ counts }) => [...counts]),
      );
    }),
  );
});

test("O4 samples in any order and more than once change nothing", () => {
  const shuffled = history.chain((steps) => {
    const samples = samplesOf(steps, true);
    return fc.tuple(
      fc.constant({ samples, length: steps.length }),
      fc.shuffledSubarray([...samples, ...samples], { minLength: samples.length * 2 }),
    );
  });
  fc.assert(
    fc.property(shuffled, ([{ samples, length }, disordered]) => {
      expect(countsPerBucket(disordered, grid(0, length), 0)).toEqual(countsPerBucket(samples, grid(0, length), 0));
    }),
  );
});

test("O4 the buckets of a stretch add up to what the counters gained, however finely they were read", () => {
  const gains = fc.array(fc.nat(100), { minLength: 20, maxLength: 60 });
  fc.assert(
    fc.property(gains, (steps) => {
      const fine = steps.reduce<readonly CounterSample[]>(
        (samples, gain, place) => [
          ...samples,
          { atMs: (place + 1) * (bucketMs / 10), values: [(samples.at(-1)?.values[0] ?? 0) + gain] },
        ],
        [{ atMs: 0, values: [0] }],
      );
      const whole = Math.floor(steps.length / 10);
      const sum = counted(fine, whole).reduce((total, values) => total + (values?.[0] ?? Number.NaN), 0);

      expect(sum).toBe(steps.slice(0, whole * 10).reduce((total, gain) => total + gain, 0));
    }),
  );
});

test("O4 any stretch of a history gives the same counts as the whole", () => {
  fc.assert(
    fc.property(history, fc.nat(29), fc.nat(29), (steps, a, b) => {
      const samples = samplesOf(steps, true);
      const [from, to] = [Math.min(a, b, steps.length), Math.min(Math.max(a, b), steps.length)];

      expect(countsPerBucket(samples, grid(from, to), 0)).toEqual(
        countsPerBucket(samples, grid(0, steps.length), 0).slice(from, to),
      );
    }),
  );
});

test("O4 a bucket with a reading at one edge only is unknown, one with none is absent", () => {
  const buckets = countsPerBucket([at(1, 5), at(2, 9), at(4, 20)], grid(0, 6), 0);

  expect(buckets).toEqual([
    { kind: "unknown", reason: "there was no reading at its beginning" },
    { kind: "counted", values: [4], resetSeen: false },
    { kind: "unknown", reason: "there was no reading at its end" },
    { kind: "unknown", reason: "there was no reading at its beginning" },
    { kind: "unknown", reason: "there was no reading at its end" },
    { kind: "absent" },
  ]);
});

test.each([
  [Number.NaN, "a counter is NaN"],
  [Number.POSITIVE_INFINITY, "a counter is Infinity"],
  [Number.NEGATIVE_INFINITY, "a counter is -Infinity"],
  [-3, "a counter is negative (-3)"],
])("O4 a counter that shows %d is named and makes its buckets unknown, and only these", (value, reason) => {
  const buckets = countsPerBucket([at(0, 1), at(1, value), at(2, 3), at(3, 4)], grid(0, 3), 0);

  expect(buckets).toEqual([
    { kind: "unknown", reason },
    { kind: "unknown", reason },
    { kind: "counted", values: [1], resetSeen: false },
  ]);
});

test("O4 a reading that came late counts for its edge within the tolerance and for none beyond it", () => {
  const late = (ms: number) => countsPerBucket([at(0, 1), { atMs: bucketMs + ms, values: [7] }], grid(0, 1), 1000);

  expect(late(1000)).toEqual([{ kind: "counted", values: [6], resetSeen: false }]);
  expect(late(1001)).toEqual([{ kind: "unknown", reason: "there was no reading at its end" }]);
});

test("O4 processes add up; a new one counts from its first reading, a lost one makes its bucket unknown", () => {
  const processes = new Map([
    ["a", [at(0, 1, 10), at(1, 2, 20), at(2, 3, 30), at(3, 4, 40)]],
    ["b", [at(1, 500, 9000), at(2, 501, 9005)]],
  ]);

  expect(countsOfProcesses(processes, grid(0, 3), 0)).toEqual([
    { kind: "counted", values: [1, 10], resetSeen: true },
    { kind: "counted", values: [2, 15], resetSeen: false },
    { kind: "unknown", reason: "b: there was no reading at its end" },
  ]);
});
