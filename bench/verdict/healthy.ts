/** Healthy candidates: whatever is rolled back here is a false alarm. Twelve quiet cells, and traffic that is not quiet. */
import { ourMeasuredRule, ourRule, ourSharpRule, ourShippedRule, ourWarmRule } from "./ours.ts";
import { peerRules } from "./peers.ts";
import type { Rule } from "./rule.ts";
import { runScene, shareOf } from "./run.ts";
import { percent, type Table } from "./table.ts";
import { textbookRules } from "./textbook.ts";
import { type Scene, still } from "./traffic.ts";

export const requestRates: readonly number[] = [5, 50, 500, 5000];
const errorRates: readonly number[] = [0.001, 0.005, 0.02];

export const share = 0.05;

const healthy = (requestsPerSecond: number, rate: (index: number) => number): Scene => ({
  requestsPerSecond,
  share,
  stableRate: rate,
  candidateRate: rate,
});

export function healthyTable(runs: number, seed: number): Table {
  const rules: readonly Rule[] = [ourRule, ourSharpRule, ...peerRules, ...textbookRules];
  const cells = requestRates.flatMap((requestsPerSecond) =>
    errorRates.map((rate, at) => ({
      label: `${requestsPerSecond} req/s, ${100 * rate} %`,
      outcomes: runScene(rules, healthy(requestsPerSecond, still(rate)), runs, seed + 10 * requestsPerSecond + at),
    })),
  );
  const worst = rules.map((_, at) => Math.max(...cells.map(({ outcomes }) => shareOf(outcomes[at]?.seconds ?? []))));
  return {
    title: "False rollbacks of healthy candidates",
    head: ["traffic, error rate", ...rules.map(({ name }) => name)],
    rows: [
      ...cells.map(({ label, outcomes }) => [label, ...outcomes.map(({ seconds }) => percent(shareOf(seconds), runs))]),
      ["**worst of the twelve**", ...worst.map((one) => `**${percent(one, runs)}**`)],
    ],
    note: `${runs} rollouts of 30 minutes in each cell, 5 % of the traffic, independent failures, no warm-up.`,
    figures: [
      { what: "false rollbacks, worst of twelve quiet cells", value: 100 * (worst[0] ?? 1), unit: "%", limit: 0.1 },
    ],
  };
}

interface Disturbance {
  readonly label: string;
  readonly scene: (requestsPerSecond: number) => Scene;
  /** What the promise is made about. */
  readonly promised?: boolean;
}

const usual = 0.005;

const disturbances: readonly Disturbance[] = [
  {
    label: "shared outage: 30 % fail for a minute",
    scene: (rps) => healthy(rps, (index) => (index >= 120 && index < 132 ? 0.3 : usual)),
  },
  { label: "drift from 0.1 to 2 %", scene: (rps) => healthy(rps, (index) => 0.001 + (0.019 * index) / 360) },
  {
    label: "bursts: failures in batches of 5",
    scene: (rps) => ({ ...healthy(rps, still(usual)), bursts: { batch: 5, replicas: 8 } }),
    promised: true,
  },
  {
    label: "bursts: each replica's rate anew each minute",
    scene: (rps) => ({ ...healthy(rps, still(usual)), bursts: { batch: 1, minutes: 1, replicas: 8 } }),
    promised: true,
  },
  {
    label: "cold start: 10 times the failures for 45 s",
    scene: (rps) => ({ ...healthy(rps, still(usual)), candidateRate: (index) => (index < 9 ? 10 * usual : usual) }),
  },
];

export function disturbedTable(runs: number, seed: number): Table {
  const rules: readonly Rule[] = [ourShippedRule, ourRule, ourWarmRule, ourMeasuredRule, ...peerRules];
  const cells = disturbances.flatMap(({ label, scene, promised }, at) =>
    [50, 500].map((requestsPerSecond) => ({
      label: `${label}, ${requestsPerSecond} req/s`,
      promised: promised === true,
      outcomes: runScene(rules, scene(requestsPerSecond), runs, seed + 1000 + 10 * at + requestsPerSecond),
    })),
  );
  const shipped = cells.filter(({ promised }) => promised).map(({ outcomes }) => shareOf(outcomes[0]?.seconds ?? []));
  return {
    title: "False rollbacks of healthy candidates where traffic is not quiet",
    head: ["what happens", ...rules.map(({ name }) => name)],
    rows: cells.map(({ label, outcomes }) => [
      label,
      ...outcomes.map(({ seconds }) => percent(shareOf(seconds), runs)),
    ]),
    note: `${runs} rollouts each, 0.5 % of requests fail in general. The dispersion is measured on 8 replicas, from ten minutes before on.`,
    figures: [
      {
        what: "false rollbacks with bursts, dispersion measured",
        value: 100 * Math.max(...shipped),
        unit: "%",
        limit: 0.2,
      },
    ],
  };
}
