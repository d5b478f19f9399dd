/** O4 Z2 with the real program: a release whose requests all succeed is judged by a number that only the business knows. */
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jsonLines, type TinyProject, tinyProject, told } from "./project.ts";

/** Of 40 orders a bucket the candidate loses 30 and the stable version 2; \`down\` tells nothing. */
const counts = `import { readFileSync } from "node:fs";

const mode = readFileSync(process.argv[2], "utf8").trim();
const { fromIndex, toIndex } = JSON.parse(readFileSync(0, "utf8"));
for (let index = fromIndex; index < toIndex; index++) {
  const lost = mode === "bad" ? 30 : 2;
  const line = mode === "down"
    ? { metric: "lost-orders", index, missing: "the warehouse is closed" }
    : { metric: "lost-orders", index, candidate: { events: lost, total: 40 }, stable: { events: 2, total: 40 } };
  console.log(JSON.stringify(line));
}
`;

const verdict =
  "verdict: { bucket: 250ms, grace: 100ms, warmUp: 250ms, dispersion: 1, rehearsal: false, advisory: [latency] }";

let project: TinyProject;
let folder: string;
let mode: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "own-metric-"));
  chmodSync(folder, 0o755);
  const [program, modeFile] = [join(folder, "orders.mjs"), join(folder, "mode")];
  mode = modeFile;
  writeFileSync(program, counts);
  writeFileSync(mode, "fine");
  project = await tinyProject({
    environment: {
      metrics: `[{ kind: command, name: warehouse, command: ["${process.execPath}", "${program}", "${mode}"], settledAfter: 100ms, metrics: [lost-orders] }]`,
      rollout: `{ steps: [{ percent: 50, bake: 4s }, { percent: 100, bake: 300ms }], checkEvery: 200ms, limits: { minRequests: 5, meanLatency: off, p95Latency: off }, unknownFor: 2s, unattended: 5s, keepStable: 0s, ${verdict} }`,
    },
  });
  const first = await project.sluice("deploy", "production", "v1.0.0");
  expect(first.exitCode, told(first)).toBe(0);
}, 60_000);

afterAll(async () => {
  await project?.stop();
  rmSync(folder, { recursive: true, force: true });
});

test("O4 a release that loses orders goes back though every request succeeds, and the reason names the metric", {
  timeout: 120_000,
}, async () => {
  writeFileSync(mode, "bad");

  const ran = await project.sluice("deploy", "production", "v1.1.0", "--json");

  expect(ran.exitCode, told(ran)).toBe(4);
  const last = jsonLines(ran).at(-1);
  expect(last?.failure).toMatchObject({ code: "CANDIDATE_WORSE", message: expect.stringContaining("lost-orders") });
});

test("O4 a provider that tells nothing is unknown: the release goes back as undecided, never on", {
  timeout: 120_000,
}, async () => {
  writeFileSync(mode, "down");

  const ran = await project.sluice("deploy", "production", "v1.1.0", "--json");

  expect(ran.exitCode, told(ran)).toBe(6);
  expect(jsonLines(ran).at(-1)?.failure).toMatchObject({
    code: "ROLLOUT_UNDECIDED",
    message: expect.stringContaining("the warehouse is closed"),
  });
});

test("O4 the same release passes when the orders come in", { timeout: 120_000 }, async () => {
  writeFileSync(mode, "fine");

  const ran = await project.sluice("deploy", "production", "v1.1.0");

  expect(ran.exitCode, told(ran)).toBe(0);
});
