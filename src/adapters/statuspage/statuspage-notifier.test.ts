/** Statuspage is simulated here: a server of this test's own with the incidents of its documented API. */
import { expect, test } from "vitest";
import { z } from "zod";
import type { Notification } from "../../domain/notification.ts";
import { Secret } from "../../domain/secret.ts";
import { exampleNotification } from "../../testing/notification-examples.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type Reply, receivingServer } from "../../testing/receiving-server.ts";
import { statuspageNotifier } from "./statuspage-notifier.ts";

const { signal } = new AbortController();

const changes = {
  status: z.enum(["investigating", "identified", "monitoring", "resolved"]),
  body: z.string().min(1),
  metadata: z.record(z.string(), z.record(z.string(), z.string())),
};
/** Of realtime incidents: what may be written when one is made, and when it is changed. */
const made = z.strictObject({
  incident: z.strictObject({
    ...changes,
    name: z.string().min(1).max(255),
    impact_override: z.enum(["none", "minor", "major", "critical"]),
    component_ids: z.array(z.string()),
  }),
});
const changed = z.strictObject({ incident: z.strictObject(changes) });

interface Incident {
  readonly id: string;
  status: string;
  metadata: object;
  readonly name: string;
  readonly bodies: string[];
}

async function simulatedStatuspage() {
  const incidents: Incident[] = [];
  const answer = (method: string, path: string, body: string): Reply => {
    if (method === "GET") return { body: path.includes("/incidents") ? incidents : { id: "kctbh9" } };
    if (method === "POST") {
      const { incident } = made.parse(JSON.parse(body));
      const fresh = { ...incident, id: `i${incidents.length + 1}`, bodies: [incident.body] };
      incidents.unshift(fresh);
      return { status: 201, body: fresh };
    }
    const { incident } = changed.parse(JSON.parse(body));
    const found = incidents.find(({ id }) => path.endsWith(`/incidents/${id}`));
    if (!found) return { status: 404 };
    found.bodies.push(incident.body);
    Object.assign(found, { status: incident.status, metadata: incident.metadata });
    return { body: found };
  };
  const server = await receivingServer(({ method, path, headers, body }) =>
    headers.authorization === "OAuth T0KEN" && path.startsWith("/v1/pages/kctbh9")
      ? answer(method, path, body)
      : { status: 401, body: { error: `Could not authenticate ${headers.authorization}` } },
  );
  return { ...server, incidents };
}

const page = (url: string, token = "T0KEN") =>
  statuspageNotifier({
    name: "public",
    api: `${url}/v1`,
    page: "kctbh9",
    token: new Secret("STATUSPAGE_TOKEN", token),
    components: ["8kbf7d35c070"],
    clock: realClock(),
  });
const of = (kind: Notification["kind"], more: Partial<Notification> = {}): Notification => ({
  ...exampleNotification,
  kind,
  ...more,
});

test("N2 one incident for a deployment: created, updated, resolved", async () => {
  await using statuspage = await simulatedStatuspage();
  const notifier = page(statuspage.url);

  await notifier.tell(of("alert"), "k1", signal);
  await notifier.tell(of("rollback-triggered"), "k2", signal);
  await notifier.tell(of("rolled-back"), "k3", signal);

  expect(statuspage.incidents).toMatchObject([
    {
      name: "Release v1.2.0",
      status: "resolved",
      bodies: [
        "We are looking into a problem with a new version.",
        "A problem with a new version was found. We are going back to the version before.",
        "The version before serves again.",
      ],
    },
  ]);
});

test("N3 a repeated delivery makes no second incident and no second update", async () => {
  await using statuspage = await simulatedStatuspage();
  const notifier = page(statuspage.url);

  for (const [kind, key] of [
    ["rollback-triggered", "k1"],
    ["rolled-back", "k2"],
  ] as const) {
    await notifier.tell(of(kind), key, signal);
    await notifier.tell(of(kind), key, signal);
  }

  expect(statuspage.incidents.map(({ bodies }) => bodies.length)).toEqual([2]);
});

test("N2 what a failed rollback left open the next success resolves, and it opens nothing by itself", async () => {
  await using statuspage = await simulatedStatuspage();
  const notifier = page(statuspage.url);

  await notifier.tell(of("rollback-failed"), "k1", signal);
  await notifier.tell(of("succeeded", { deploymentId: "d-2", environment: "staging" }), "k2", signal);
  expect(statuspage.incidents.map(({ status }) => status)).toEqual(["identified"]);
  await notifier.tell(of("succeeded", { deploymentId: "d-3" }), "k3", signal);

  expect(statuspage.incidents.map(({ status }) => status)).toEqual(["resolved"]);
});

test("N2 K1 the public reads our words, nothing of what failed", async () => {
  await using statuspage = await simulatedStatuspage();

  await page(statuspage.url).tell(
    of("rollback-triggered", { message: "10.0.0.7:5432 refused", title: "boom" }),
    "k",
    signal,
  );

  expect(JSON.stringify(statuspage.incidents)).not.toMatch(/10\.0\.0\.7|boom/);
});

test("N2 a test asks for the page and changes nothing", async () => {
  await using statuspage = await simulatedStatuspage();

  await page(statuspage.url).tell(of("test"), "k", signal);

  expect(statuspage.received.map(({ method, path }) => `${method} ${path}`)).toEqual(["GET /v1/pages/kctbh9"]);
});

test("N3 K1 a wrong token is a person's to mend, and is not in the error", async () => {
  await using statuspage = await simulatedStatuspage();

  const told = page(statuspage.url, "wr0ng-token").tell(of("rolled-back"), "k", signal);

  await expect(told).rejects.toMatchObject({
    failure: { remedy: "operator", message: expect.not.stringContaining("wr0ng") },
  });
});

test("N3 too many questions are asked again", async () => {
  await using busy = await receivingServer(() => ({ status: 420 }));

  await expect(page(busy.url).tell(of("rolled-back"), "k", signal)).rejects.toMatchObject({
    failure: { remedy: "retry" },
  });
});
