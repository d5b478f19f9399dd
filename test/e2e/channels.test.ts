/**
 * N2 N3: a whole deployment by the command line, told to a real SMTP server and to HTTP receivers of this test's own. Slack and PagerDuty
 * are simulated: they answer as the real ones do and check nothing more than the adapters' own tests.
 */
import { hash } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { webhookSignatureFault } from "../../src/adapters/webhook/webhook-signature.ts";
import { Secret } from "../../src/domain/secret.ts";
import { realClock, until } from "../../src/testing/real-clock.ts";
import { type Received, type Reply, receivingServer } from "../../src/testing/receiving-server.ts";
import { mailHeader, smtpPassword, smtpServer } from "../notifications/smtp-server.ts";
import { jsonLines, type TinyProject, tinyProject, told } from "./project.ts";

const signingKey = hash("sha256", "of this test");

describe("people are told", { timeout: 180_000 }, () => {
  let project: TinyProject;
  let smtp: Awaited<ReturnType<typeof smtpServer>>;
  let web: Awaited<ReturnType<typeof receivingServer>>;
  let isPagerDown = true;
  let slackCount = 0;
  const replies: Readonly<Record<string, (request: Received) => Reply>> = {
    "/v2/enqueue": () => (isPagerDown ? { status: 403 } : { status: 202, body: { status: "success" } }),
    "/api/chat.postMessage"({ headers }) {
      slackCount++;
      const ok = headers.authorization === "Bearer xoxb-1";
      return { body: ok ? { ok, ts: `17.${slackCount}` } : { ok, error: "invalid_auth" } };
    },
  };

  beforeAll(async () => {
    smtp = await smtpServer({ hideSTARTTLS: true, allowInsecureAuth: true });
    web = await receivingServer((request) => replies[request.path]?.(request) ?? { status: 204 });
    const channels = [
      `team: { kind: slack, api: "${web.url}/api", token: { secret: SLACK_TOKEN }, channel: C1 }`,
      `people: { kind: email, server: "smtp://127.0.0.1:${smtp.port}", user: deploy, password: { secret: SMTP_PASSWORD }, from: "Sluice <s@example.com>", to: [all@example.com] }`,
      `pager: { kind: pagerduty, api: "${web.url}", routingKey: { secret: PAGERDUTY_KEY } }`,
      `events: { kind: webhook, url: "${web.url}/hook", signingSecret: { secret: EVENTS_KEY }, format: cdevents }`,
    ];
    const variables = {
      SLACK_TOKEN: "xoxb-1",
      SMTP_PASSWORD: smtpPassword,
      PAGERDUTY_KEY: "R".repeat(32),
      EVENTS_KEY: signingKey,
    };
    const secrets = Object.keys(variables).map((name) => `${name}: { env: ${name} }`);
    project = await tinyProject({
      load: 40,
      variables,
      environment: { notify: "{ team: usual, people: [succeeded], pager: usual, events: [succeeded] }" },
      more: [`secrets: { ${secrets.join(", ")} }`, `notify: { ${channels.join(", ")} }`],
    });
  }, 60_000);
  afterAll(async () => {
    await project?.stop();
    await smtp?.[Symbol.asyncDispose]();
    await web?.[Symbol.asyncDispose]();
  }, 60_000);

  const got = (path: string): readonly Received[] => web.received.filter((each) => each.path === path);

  test("N2 of a deployment: a thread, a mail with the summary, a signed event; a pager that refuses delays nothing", async () => {
    const ran = await project.sluice("deploy", "production", "v1.0.0", "--json");

    expect(ran.exitCode, told(ran)).toBe(0);
    await until(() => smtp.mails.length > 0 && got("/hook").length > 0, "the last news", 20_000);
    const posted = got("/api/chat.postMessage").map(({ body }) => JSON.parse(body));
    expect(posted.length).toBeGreaterThan(2);
    expect(posted.map(({ thread_ts }) => thread_ts)).toEqual(posted.map((_, at) => (at === 0 ? undefined : "17.1")));
    const [mail] = smtp.mails;
    expect(mail?.user).toBe("deploy");
    expect(mailHeader(mail, "subject")).toMatch(/\/production\] v1\.0\.0 in production: succeeded$/);
    expect(mail?.source).toMatch(/# v1\.0\.0 of .* is live in production/);
    const [event] = got("/hook");
    const signature = String(event?.headers["x-sluice-signature"]);
    const secret = new Secret("EVENTS_KEY", signingKey);
    const fault = webhookSignatureFault({ body: event?.body ?? "", signature, secret, nowMs: realClock().now() });
    expect(fault).toBeUndefined();
    expect(JSON.parse(event?.body ?? "")).toMatchObject({ type: "dev.cdevents.service.deployed.0.3.0" });
  });

  test("N3 what was refused for good is shown, and sent once more when somebody says so", async () => {
    const before = await project.sluice("status", "production", "--json");
    expect(before.stdout, told(before)).toMatch(/"channel":"pager".*"givenUp":true/);
    isPagerDown = false;
    const sent = got("/v2/enqueue").length;

    const again = await project.sluice("notify", "production", "--again", "--json");

    expect(again.exitCode, told(again)).toBe(0);
    expect(jsonLines(again)[0]).toMatchObject({ triedAgain: 1 });
    const event = JSON.parse(got("/v2/enqueue").slice(sent)[0]?.body ?? "");
    expect(event).toMatchObject({ event_action: "resolve", routing_key: "R".repeat(32) });
  });

  test("N2 every channel can be tried by itself, and one that does not work is named", async () => {
    const all = await project.sluice("notify", "test", "production", "--json");
    const wrong = await project.sluiceWith({ SLACK_TOKEN: "xoxb-2" }, "notify", "test", "--channel", "team", "--json");

    expect(all.exitCode, told(all)).toBe(0);
    expect(wrong.exitCode).toBe(1);
    expect(wrong.stdout).toContain("The Slack channel team refused it: invalid_auth.");
    expect(wrong.stdout).not.toContain("xoxb");
  });

  test("D2 D6 the ledger tells the summary and the figures of DORA", async () => {
    const summary = await project.sluice("report", "summary", "production");
    const dora = await project.sluice("report", "dora", "production", "--json");

    expect(summary.stdout).toMatch(/is live in production[\s\S]*\| outcome \| yes \| succeeded, v1\.0\.0 serves \|/);
    expect(jsonLines(dora)[0]).toMatchObject({
      now: { deploymentsPerDay: { of: 1 }, changeFailureShare: { value: 0 } },
    });
  });
});
