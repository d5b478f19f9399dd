/** Faulty candidates from their first request on: how long until they go back, and how many requests they meet. */
import { requestRates, share } from "./healthy.ts";
import { ourMeasuredRule, ourRule, ourSharpRule, ourShippedRule, ourWarmRule } from "./ours.ts";
import { argoRule, errorRateRule, flaggerRule, kayentaRule, peerRules, probeRule } from "./peers.ts";
import type { Rule } from "./rule.ts";
import { type Outcome, quantile, runScene, shareOf } from "./run.ts";
import { type Table, whole } from "./table.ts";
import { oracleRule, textbookRules } from "./textbook.ts";
import { type Scene, still } from "./traffic.ts";

const usual = 0.005;

export const faults: readonly { readonly label: string; readonly rate: number }[] = [
  { label: "2x (1 %)", rate: 0.01 },
  { label: "5x (2.5 %)", rate: 0.025 },
  { label: "50 %", rate: 0.5 },
  { label: "100 %", rate: 1 },
];

const faulty = (requestsPerSecond: number, rate: number): Scene => ({
  requestsPerSecond,
  share,
  stableRate: still(usual),
  candidateRate: still(rate),
});

function detection({ seconds, exposed }: Outcome): string {
  const caught = shareOf(seconds);
  const times = `${whole(quantile(seconds, 0.5))}/${whole(quantile(seconds, 0.95))}`;
  const power = caught < 0.995 ? ` (${(100 * caught).toFixed(caught < 0.1 ? 1 : 0)} %)` : "";
  return `${times}${power}; ${whole(quantile(exposed, 0.5))}`;
}

export function faultTable(runs: number, seed: number): Table {
  const rules: readonly Rule[] = [
    ourRule,
    ourSharpRule,
    ourWarmRule,
    ourMeasuredRule,
    ourShippedRule,
    ...peerRules,
    ...textbookRules,
    oracleRule,
  ];
  const replicas = { batch: 1, replicas: 8 };
  const columns = faults.map(({ rate }, at) =>
    runScene(rules, { ...faulty(500, rate), bursts: replicas }, runs, seed + 5000 + at),
  );
  const ours = columns[1]?.[0]?.exposed ?? [];
  return {
    title: "Detection at 500 requests a second",
    head: ["rule", ...faults.map(({ label }) => label)],
    rows: rules.map(({ name }, rule) => [
      name,
      ...columns.map((outcomes) => (outcomes[rule] === undefined ? "" : detection(outcomes[rule]))),
    ]),
    note: `Median/p95 seconds until the rollback (share of rollouts caught in 30 minutes, where not all); median requests the candidate met. ${runs} rollouts each, 5 % of the traffic, 0.5 % failing on the stable version, the fault there from the first request on; independent failures, the dispersion measured on 8 replicas from ten minutes before on.`,
    figures: [{ what: "5x at 500 req/s, requests exposed, median", value: quantile(ours, 0.5), unit: "", limit: 800 }],
  };
}

const thresholds: readonly Rule[] = [probeRule, errorRateRule, argoRule, flaggerRule, kayentaRule];

/** Against the best of the other tools' rules that false alarms do not rule out in the same cell. */
export function exposureTable(runs: number, seed: number): Table {
  const rules: readonly Rule[] = [ourRule, ourSharpRule, ...thresholds];
  const rows = requestRates.map((rps) => {
    const quiet = runScene(thresholds, faulty(rps, usual), runs, seed + 6000 + rps);
    const usable = quiet.map(({ seconds }) => shareOf(seconds) <= 0.01);
    return [
      `${rps} req/s`,
      ...faults.map(({ rate }, at) => {
        const outcomes = runScene(rules, faulty(rps, rate), runs, seed + 7000 + rps + at);
        const medians = outcomes.map(({ exposed }) => quantile(exposed, 0.5));
        const peers = medians.slice(2).map((median, peer) => (usable[peer] ? median : Number.POSITIVE_INFINITY));
        const best = Math.min(...peers);
        const ratio = (own: number): string => (best / own).toPrecision(2);
        return `${ratio(medians[0] ?? Number.NaN)} (${ratio(medians[1] ?? Number.NaN)})`;
      }),
    ];
  });
  return {
    title: "How many times fewer requests meet the fault than with the best other rule",
    head: ["traffic", ...faults.map(({ label }) => label)],
    rows,
    note: `The best of the probe, 1 % per minute, Argo, Flagger and Kayenta that rolls back at most 1 % of healthy candidates in the same cell (${runs} rollouts), median requests divided by ours; in brackets by ours for any difference. A rule that never fires is charged 30 minutes.`,
    figures: [],
  };
}

/** How often a stage of five minutes catches what the plan said it would. */
export const caughtWithin = (requestsPerSecond: number, rate: number, runs: number, seed: number): number => {
  const [outcome] = runScene([ourWarmRule], faulty(requestsPerSecond, rate), runs, seed);
  const within = outcome?.seconds.map((at) => (at !== undefined && at <= 300 ? at : undefined)) ?? [];
  return shareOf(within);
};
