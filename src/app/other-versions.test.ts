import { expect, test } from "vitest";
import { memoryLedger } from "../engine/ledger/memory-ledger.ts";
import { applicationVersion, begunByOtherVersion, otherVersionsUnderWay, otherVersionText } from "./other-versions.ts";

const row = (id: string, journal: string) => ({
  id,
  project: "shop",
  environment: "production",
  kind: "deploy" as const,
  version: "v1.1.0",
  commit: "abc",
  startedBy: "ada",
  input: {},
  applicationVersion: journal,
});

test("Z1 deployments under way that another version began are listed with what to do; ended ones and our own are not", async () => {
  const ledger = memoryLedger({ now: () => 1_000 });
  for (const id of ["ours", "theirs", "theirs-ended"])
    await ledger.createDeployment(row(id, id === "ours" ? applicationVersion : "0"));
  const attempt = await ledger.beginAttempt("theirs-ended", { id: "e", host: "h", pid: 1 });
  await ledger.finish("theirs-ended", "succeeded", attempt);

  const others = await otherVersionsUnderWay(ledger);

  expect(others).toMatchObject([{ deployment: "theirs", journal: "0", here: applicationVersion, state: "running" }]);
  const text = others.map(otherVersionText).join();
  expect(text).toContain("v1.1.0 to production");
  expect(text).toContain('sluice resume theirs · or end it: sluice cancel theirs --reason "…"');
});

test("Z1 who is asked to run one says which journals differ, and that nothing was touched", () => {
  const { failure } = begunByOtherVersion(row("theirs", "0"));

  expect(failure).toMatchObject({ code: "OTHER_VERSION", remedy: "operator" });
  expect(failure.message).toContain(`journal 0, this one writes ${applicationVersion}). Nothing was touched.`);
});
