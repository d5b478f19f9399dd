/** Channels as they are written, and which events of an environment go where. */
import { describe, expect, test } from "vitest";
import { SluiceError } from "../domain/errors.ts";
import type { EnvironmentSettings } from "../domain/settings.ts";
import { loadConfiguration } from "./load.ts";
import { resolveEnvironment } from "./resolve.ts";

const readFile = (): string => "";
const secrets = "{ A: { env: A, required: false }, B: { env: B, required: false } }";

function told(notify: string, route = "", defaults = ""): EnvironmentSettings["notify"] {
  const text = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
secrets: ${secrets}
notify: ${notify}
${defaults}
environments: { production: { policy: basic${route} } }`;
  const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile });
  return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile }).notify;
}

const refusalOf = (channel: string): string => {
  try {
    told(`{ team: ${channel} }`);
    return "accepted";
  } catch (error) {
    return error instanceof SluiceError ? `${error.message} ${error.failure.evidence ?? ""}` : String(error);
  }
};

test("N2 every kind of channel, with what it needs and nothing more", () => {
  const [webhook, bot, mail, page, pager, hook] = told(`
  hook-of-slack: { kind: slack, webhook: { secret: A } }
  bot: { kind: slack, token: { secret: A }, channel: C024BE91L, onCall: [U02AB3CDE, S0614TZR7] }
  mail: { kind: email, server: "smtps://smtp.example.com:465", user: deploy, password: { secret: B }, from: Sluice <d@example.com>, to: [a@example.com] }
  page: { kind: statuspage, page: kctbh9vrtdwd, token: { secret: A } }
  pager: { kind: pagerduty, routingKey: { secret: A } }
  events: { kind: webhook, url: "https://events.example.com", format: cdevents }`);

  expect(webhook).toMatchObject({ kind: "slack", way: { kind: "webhook", url: { secret: "A" } }, onCall: [] });
  expect(bot).toMatchObject({ way: { kind: "bot", api: "https://slack.com/api", channel: "C024BE91L" } });
  expect(mail).toMatchObject({ login: { user: "deploy", password: { secret: "B" } }, to: ["a@example.com"] });
  expect(page?.events).toEqual(["rollback-triggered", "rolled-back", "rollback-failed", "quarantined", "succeeded"]);
  expect(pager).toMatchObject({ kind: "pagerduty", api: "https://events.pagerduty.com" });
  expect(hook).toMatchObject({ format: "cdevents", signingSecret: null });
});

describe("N3 an environment says which channel hears of what", () => {
  const two = "{ team: { kind: log-file, file: a, events: [started, succeeded] }, pager: { kind: log-file, file: b } }";
  const routes = (route: string, defaults?: string) =>
    Object.fromEntries(told(two, `, notify: ${route}`, defaults).map(({ name, events }) => [name, events]));

  test("by itself, as usual for the channel, or not at all", () => {
    expect(routes("{ team: usual, pager: [rollback-failed, quarantined] }")).toEqual({
      team: ["started", "succeeded"],
      pager: ["rollback-failed", "quarantined"],
    });
    expect(routes("{ pager: [failed] }")).toEqual({ pager: ["failed"] });
    expect(routes("{ team: [] }")).toEqual({});
  });

  test("laid over what all environments have, each channel by itself", () => {
    const defaults = "defaults: { notify: { team: usual, pager: [failed] } }";

    expect(routes("{ pager: [quarantined] }", defaults)).toEqual({
      team: ["started", "succeeded"],
      pager: ["quarantined"],
    });
    expect(routes("[team]", defaults)).toEqual({ team: ["started", "succeeded"] });
  });

  test("and names only channels that there are", () => {
    expect(() => routes("{ paeger: [failed] }")).toThrow(/did you mean "pager"/);
  });
});

test.each([
  ["{ kind: slack }", /by a webhook or as a bot/],
  ["{ kind: slack, token: { secret: A } }", /by a webhook or as a bot/],
  ["{ kind: slack, webhook: { secret: A }, token: { secret: B }, channel: C1 }", /by a webhook or as a bot/],
  ["{ kind: slack, webhook: https://hooks.slack.com/services/T0/B0/x }", /webhook/],
  ['{ kind: slack, webhook: { secret: A }, onCall: ["<!channel>"] }', /no id of a person or group/],
  ['{ kind: email, server: "smtp://u:p@host", from: a@b.example, to: [a@b.example] }', /no mail server/],
  ['{ kind: email, server: "smtp://host", from: a@b.example, to: ["a@b.example, c@d.example"] }', /no mail address/],
  ['{ kind: email, server: "smtp://host", user: u, from: a@b.example, to: [a@b.example] }', /a user and a password/],
  ["{ kind: pagerduty, routingKey: { secret: A }, events: [started] }", /events/],
  ['{ kind: statuspage, page: "../x", token: { secret: A } }', /page/],
])("W3 %s is refused with what is wrong", (channel, why) => {
  expect(refusalOf(channel)).toMatch(why);
});
