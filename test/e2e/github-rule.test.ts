/**
 * P3: a job at GitHub waits for Sluice's approvals, by the command line, with real `sluice` processes and a real deployment that waits for
 * people; GitHub is SIMULATED (test/github): what it posts, and what is answered, is held against its official description.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { simulatedApp } from "../github/keys.ts";
import { hasDescription, type Opened, openGithub } from "../github/opened.ts";
import { askForRule, type SimulatedDelivery } from "../github/webhooks.ts";
import { eventually } from "./processes.ts";
import { type JsonLine, jsonLines, type Ran, type TinyProject, textBelow, tinyProject, told } from "./project.ts";

/** A deployment and a dozen commands on a machine that does much else. */
const limitMs = 240_000;
const secret = "s3cr3t-of-the-hook";
const reads = { contents: "read", pull_requests: "read", checks: "read", statuses: "read" } as const;
const app = simulatedApp({ ...reads, deployments: "write" });

const last = (ran: Ran): JsonLine & Readonly<Record<string, unknown>> => ({ ...jsonLines(ran).at(-1) });

describe.skipIf(!hasDescription)("a job at GitHub (simulated) waits for Sluice", { timeout: limitMs }, () => {
  let project: TinyProject;
  let at: Opened;
  let folder: string;

  beforeAll(async () => {
    at = await openGithub({ app });
    folder = mkdtempSync(join(tmpdir(), "deliveries-"));
    project = await tinyProject({
      load: 40,
      variables: { APP_KEY: app.privateKey, HOOK: secret },
      environment: { approvals: "{ required: 1, wait: 0s, acceptDeclared: true, approvers: [grace] }" },
      more: [
        "secrets: { APP_KEY: { env: APP_KEY }, HOOK: { env: HOOK } }",
        `github: { repository: acme/shop, url: "${at.options.url}", app: { id: ${app.id}, key: { secret: APP_KEY }, webhookSecret: { secret: HOOK } } }`,
      ],
    });
  }, limitMs);
  afterAll(async () => {
    await project?.stop();
    if (folder) rmSync(folder, { recursive: true });
    await at?.github[Symbol.asyncDispose]();
  }, limitMs);

  const ask = async (tag: string, environment?: string): Promise<SimulatedDelivery> => {
    const sha = await project.git("rev-parse", `${tag}^{commit}`);
    return askForRule(at.github, { sha, secret, ...(environment ? { environment } : {}) });
  };
  const rule = ({ body, signature, id }: SimulatedDelivery, ...more: string[]): Promise<Ran> => {
    const event = join(folder, `${id}.json`);
    writeFileSync(event, body);
    const headers = ["--signature", signature, "--delivery", id];
    return project.sluice("github", "rule", "production", "--event", event, ...headers, "--json", ...more);
  };
  const waiting = async (version: string): Promise<string> => {
    const ran = await project.sluice("deploy", "production", version, "--json");
    expect(ran.exitCode, told(ran)).toBe(8);
    return last(ran).deployment ?? "";
  };
  const stateOf = ({ runId }: SimulatedDelivery) => at.repository.rules.find((each) => each.runId === runId);

  test("P3 it waits for the deployment of its commit and for its people, is let through once, and a replay is refused", async () => {
    const delivery = await ask("v1.0.0");
    const before = await rule(delivery);
    expect(before.exitCode, told(before)).toBe(8);

    const id = await waiting("v1.0.0");
    const between = await rule(delivery);
    expect(between.exitCode, told(between)).toBe(8);
    expect(stateOf(delivery)).toMatchObject({
      state: "pending",
      comments: [/no deployment of/, /waits for 1 more/].map((each) => expect.stringMatching(each)),
    });

    const voted = await project.sluiceAs("grace", "approve", id);
    expect(voted.exitCode, told(voted)).toBe(0);
    await eventually("approved", async () => (await rule(delivery, "--dry-run")).exitCode === 0, limitMs);
    expect(stateOf(delivery)?.state, "nothing was sent").toBe("pending");
    const after = await rule(delivery);
    expect(after.exitCode, told(after)).toBe(0);
    expect(stateOf(delivery)?.state).toBe("approved");

    const replayed = await rule(delivery);
    expect(replayed.exitCode, told(replayed)).toBe(3);
    expect(last(replayed).error).toMatchObject({
      code: "WEBHOOK_REFUSED",
      message: expect.stringContaining("was answered before"),
    });
    const followed = await project.sluice("logs", id, "--follow", "--json");
    expect(followed.exitCode, told(followed)).toBe(0);
  });

  test("P3 what people rejected is rejected at GitHub too", async () => {
    const delivery = await ask("v1.1.0");
    const id = await waiting("v1.1.0");
    const voted = await project.sluiceAs("grace", "reject", id);
    expect(voted.exitCode, told(voted)).toBe(0);
    const followed = await project.sluice("logs", id, "--follow", "--json");
    expect(followed.exitCode, told(followed)).toBe(3);

    const ruled = await rule(delivery);

    expect(ruled.exitCode, told(ruled)).toBe(3);
    expect(last(ruled)).toMatchObject({ answer: "rejected", sent: true });
    expect(stateOf(delivery)?.state).toBe("rejected");
  });

  test("K1 what is not GitHub's, or about another environment, is refused, and no secret is told", async () => {
    const delivery = await ask("v1.1.0");
    const forged = await rule({ ...delivery, signature: `sha256=${"0".repeat(64)}` });
    const other = await rule(await ask("v1.1.0", "staging"));

    for (const ran of [forged, other]) expect(ran.exitCode, told(ran)).toBe(3);
    expect(last(forged).error?.message).toContain("its signature is wrong");
    expect(last(other).error?.message).toContain("it is about staging, not production");
    expect(stateOf(delivery)).toMatchObject({ state: "pending", comments: [] });
    for (const text of [told(forged), told(other), textBelow(project.stateFolder)]) {
      expect(text).not.toContain(secret);
      expect(text).not.toContain(app.privateKey.split("\n")[1]);
    }
  });
});
