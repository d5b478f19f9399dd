/** Against a SIMULATED GitHub (test/github), which holds what it posts and what is answered against GitHub's official description. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { simulatedApp } from "../../../test/github/keys.ts";
import { closeAfterEach, hasDescription, openGithub } from "../../../test/github/opened.ts";
import { askForRule, signatureOf } from "../../../test/github/webhooks.ts";
import { Secret } from "../../domain/secret.ts";
import { githubProtectionRule } from "./protection-rule.ts";

const never = new AbortController().signal;
const limitMs = 180_000;
const route = "POST /repos/{owner}/{repo}/actions/runs/{run_id}/deployment_protection_rule";
const secret = "s3cr3t-of-the-hook";
const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

async function openRule() {
  const app = simulatedApp({ deployments: "write" });
  const opened = await openGithub({ app });
  const folder = mkdtempSync(join(tmpdir(), "rule-"));
  folders.push(folder);
  const privateKey = new Secret("GITHUB_APP_KEY", app.privateKey);
  const auth = { kind: "app", id: app.id, installation: app.installation, privateKey } as const;
  const place = { folder, secret: new Secret("GITHUB_WEBHOOK_SECRET", secret) };
  // The simulation answers in this very process, which first reads the description: slow on a machine that does much else.
  const options = { ...opened.options, ...place, auth, timeoutMs: 60_000, patienceMs: limitMs };
  const { github, sha, repository } = opened;
  const ask = () => askForRule(github, { sha, secret });
  return { ...opened, options, ask, rule: () => githubProtectionRule(options), rules: repository.rules };
}

const refused = (why: string) => ({
  failure: { code: "WEBHOOK_REFUSED", message: expect.stringContaining(why) },
});

describe.skipIf(!hasDescription)("the deployment protection rule of GitHub (simulated)", { timeout: limitMs }, () => {
  closeAfterEach();

  test("P3 what waits is reported once, what is decided is answered, and a replay is refused", async () => {
    const { ask, rule, rules, sha } = await openRule();
    const delivery = ask();
    const request = await rule().understand(delivery);
    expect(request).toMatchObject({ environment: "production", commit: sha, runId: delivery.runId });

    const waiting = { kind: "waiting", comment: "1 more: sluice approve 1-c" } as const;
    expect(await rule().answer(delivery, request, waiting, never)).toBe(true);
    expect(await rule().answer(delivery, request, waiting, never)).toBe(false);
    expect(rules[0]).toMatchObject({ state: "pending", comments: [waiting.comment] });

    const again = await rule().understand(delivery);
    await rule().answer(delivery, again, { kind: "approved", comment: "approved by bob" }, never);
    expect(rules[0]).toMatchObject({ state: "approved", comments: [waiting.comment, "approved by bob"] });
    await expect(rule().understand(delivery)).rejects.toMatchObject(refused("was answered before"));
    const renamed = { ...delivery, id: "another-delivery" };
    await expect(rule().understand(renamed)).rejects.toMatchObject(refused("was answered before"));
    const sameId = { ...ask(), id: delivery.id };
    await expect(rule().understand(sameId)).rejects.toMatchObject(refused("was answered before"));
  });

  test("P3 5xx and a rate limit are tried again; a comment above GitHub's limit is cut, visibly", async () => {
    const { ask, rule, rules, github } = await openRule();
    const delivery = ask();
    const request = await rule().understand(delivery);
    github.faults.push({ route, status: 502 }, { route, status: 429, headers: { "retry-after": "1" } });

    await rule().answer(delivery, request, { kind: "rejected", comment: "負".repeat(2_000) }, never);

    expect(github.faults).toEqual([]);
    expect(github.asked.filter((each) => each === route)).toHaveLength(3);
    expect(rules[0]?.state).toBe("rejected");
    expect(rules[0]?.comments[0]).toMatch(/^負{1023}…$/u);
  });

  test("P3 of the ten reports that GitHub takes the last is left for the decision", async () => {
    const { ask, rule, rules } = await openRule();
    const delivery = ask();
    const request = await rule().understand(delivery);

    for (let n = 0; n < 12; n++)
      await rule().answer(delivery, request, { kind: "waiting", comment: `${n} more` }, never);

    expect(rules[0]?.comments).toHaveLength(9);
    await rule().answer(delivery, request, { kind: "approved", comment: "approved" }, never);
    expect(rules[0]).toMatchObject({ state: "approved" });
  });

  test("P3 where the receipt was lost it is sent again, and GitHub's refusal of the second is told", async () => {
    const { ask, rule, rules, github } = await openRule();
    const delivery = ask();
    const request = await rule().understand(delivery);
    github.faults.push({ route, dropAnswer: true });

    const answered = rule().answer(delivery, request, { kind: "approved", comment: "approved" }, never);

    await expect(answered).rejects.toMatchObject({ failure: { code: "FORGE_REFUSED" } });
    expect(rules[0]).toMatchObject({ state: "approved", comments: ["approved"] });
  });

  test("K1 nothing is believed without its signature over exactly these bytes", async () => {
    const { ask, rule, github } = await openRule();
    const { body, signature, id } = ask();
    const changed = Buffer.from(body.toString().replace("production", "Production"));
    const before = github.asked.length;

    const told = rule();
    await expect(told.understand({ body: changed, signature, id })).rejects.toMatchObject(
      refused("signature is wrong"),
    );
    for (const other of ["", "sha1=00", `sha256=${"0".repeat(63)}`, signatureOf(body, "another").toUpperCase()]) {
      await expect(told.understand({ body, signature: other, id })).rejects.toMatchObject(refused("64 hex digits"));
    }
    const another = signatureOf(body, "another");
    await expect(told.understand({ body, signature: another, id })).rejects.toMatchObject(
      refused("signature is wrong"),
    );
    expect(github.asked).toHaveLength(before);
  });

  test.each<[string, (event: Record<string, unknown>) => unknown, string]>([
    ["no JSON", () => "{", "it is no JSON"],
    ["another event", (event) => ({ ...event, action: "created" }), "no deployment_protection_rule (action"],
    ["no commit", (event) => ({ ...event, sha: "main" }), "(sha"],
    ["another repository", (event) => ({ ...event, repository: { full_name: "evil/shop" } }), "it is of evil/shop"],
    [
      "a callback elsewhere",
      (event) => ({
        ...event,
        deployment_callback_url: "https://evil.example/repos/acme/shop/actions/runs/1/deployment_protection_rule",
      }),
      "not below the configured address",
    ],
    [
      "a callback that climbs",
      (event) => ({ ...event, deployment_callback_url: `${event["deployment_callback_url"]}/../../../x` }),
      "not below the configured address",
    ],
  ])("K1 signed, but %s: refused", async (_what, change, why) => {
    const { ask, rule } = await openRule();
    const { body, id } = ask();
    const changed = change(JSON.parse(body.toString()));
    const text = Buffer.from(typeof changed === "string" ? changed : JSON.stringify(changed));

    const understood = rule().understand({ body: text, signature: signatureOf(text, secret), id });

    await expect(understood).rejects.toMatchObject(refused(why));
  });

  test("K1 a token is no App, and is told so", async () => {
    const { options } = await openRule();
    const auth = { kind: "token", token: new Secret("GITHUB_TOKEN", "t") } as const;

    expect(() => githubProtectionRule({ ...options, auth })).toThrow("only an App");
  });
});
