/** H1–H6: the declared checks of an environment, as ports. `{version}` in a declared body becomes the release's version. */
import { corsCheck } from "../adapters/http/cors-check.ts";
import { databaseCheck } from "../adapters/http/database-check.ts";
import { httpHealthCheck } from "../adapters/http/health-check.ts";
import { httpsEnforcedCheck } from "../adapters/http/https-enforced-check.ts";
import { journeyCheck } from "../adapters/http/journey.ts";
import { responseTimeCheck } from "../adapters/http/response-time-check.ts";
import { tcpCheck } from "../adapters/http/tcp-check.ts";
import { tlsCheck } from "../adapters/http/tls-check.ts";
import type { Secret } from "../domain/secret.ts";
import type {
  EnvironmentSettings,
  HealthCheckSettings,
  JourneySettings,
  SmokeCheckSettings,
  ValueOrSecret,
} from "../domain/settings.ts";
import { checksOfSuite } from "../domain/smoke.ts";
import type { Parts } from "../pipeline/parts.ts";
import type { Check } from "../ports/check.ts";
import type { Clock } from "../ports/clock.ts";
import type { Database } from "../ports/database.ts";
import type { Instance } from "../ports/target.ts";

interface Surroundings {
  readonly clock: Clock;
  readonly databases: readonly Database[];
  readonly resolve: (value: ValueOrSecret) => string | Secret;
  /** What others wrote is cut to a line inside a check, so secrets are taken out there and not afterwards. */
  readonly redact: (text: string) => string;
}

export function checksFor(settings: EnvironmentSettings, around: Surroundings): Parts["checks"] {
  return {
    instances: (instances, version) => instances.map((instance) => instanceCheck(settings, instance, version, around)),
    services: (version) =>
      settings.health.map((check) => healthCheck(check, version, around, settings.smoke.maxResponseMs)),
    smoke: (version) => smokeChecks(settings, version, around),
  };
}

/** One round of R2 is one question: a retry in here would hide the failure that the round is there to count. */
function instanceCheck(
  settings: EnvironmentSettings,
  instance: Instance,
  version: string,
  { clock, redact }: Surroundings,
): Check {
  const ready = settings.components.find(({ name }) => name === instance.component)?.ready;
  const { host, port } = instance.endpoint;
  return httpHealthCheck({
    name: `${instance.component} ${host}:${port}`,
    critical: true,
    clock,
    redact,
    url: `http://${host}:${port}${ready?.path ?? "/"}`,
    expectStatus: ready?.status ?? 200,
    ...(ready?.tellsVersion ? { expectBody: { json: { version } } } : {}),
    timeoutMs: 10_000,
    retries: 0,
    intervalMs: 0,
    overallMs: 10_000,
  });
}

/** Without a version either may answer, so what names one is not compared. */
function healthCheck(
  check: HealthCheckSettings,
  version: string | null,
  { clock, redact }: Surroundings,
  maxResponseMs: number | null,
): Check {
  const entries = Object.entries(check.body).filter(
    ([, value]) => version !== null || !String(value).includes("{version}"),
  );
  const json = Object.fromEntries(
    entries.map(([path, value]) => [
      path,
      typeof value === "string" ? value.replaceAll("{version}", version ?? "") : value,
    ]),
  );
  return httpHealthCheck({
    name: check.name,
    critical: check.critical,
    clock,
    redact,
    url: check.url,
    expectStatus: check.status,
    expectBody: { json, ...(check.contains === null ? {} : { contains: check.contains }) },
    timeoutMs: check.timeoutMs,
    retries: check.retries,
    intervalMs: check.intervalMs,
    overallMs: check.overallMs,
    ...(maxResponseMs === null ? {} : { maxResponseMs }),
  });
}

function smokeChecks(settings: EnvironmentSettings, version: string | null, around: Surroundings): readonly Check[] {
  const { suite, checks, journeys } = settings.smoke;
  const declared = checksOfSuite(checks, suite).map((check) => smokeCheck(check, version, around));
  const walked = checksOfSuite(
    journeys.map((journey) => ({ ...journey, kind: "journey" as const })),
    suite,
  ).map((journey) => journeyOf(journey, around));
  const databases = checksOfSuite([{ kind: "database" as const }], suite).length > 0 ? around.databases : [];
  return [...declared, ...databases.map((database) => databaseCheck(database, { clock: around.clock })), ...walked];
}

function smokeCheck(check: SmokeCheckSettings, version: string | null, around: Surroundings): Check {
  const { clock, redact } = around;
  switch (check.kind) {
    case "http":
      return healthCheck(check.check, version, around, null);
    case "tls":
      return tlsCheck({ ...check, clock, redact });
    case "https-enforced":
      return httpsEnforcedCheck({ ...check, clock, redact });
    case "cors":
      return corsCheck({ ...check, clock, redact });
    case "response-time":
      return responseTimeCheck({ ...check, clock, redact });
    case "tcp":
      return tcpCheck({ ...check, clock });
  }
}

function journeyOf(journey: JourneySettings, { clock, resolve, redact }: Surroundings): Check {
  return journeyCheck({
    name: journey.name,
    critical: journey.critical,
    clock,
    redact,
    baseUrl: journey.baseUrl,
    steps: journey.steps.map(({ name, method, path, headers, json, expect, save }) => ({
      name,
      method,
      path,
      headers: Object.fromEntries(Object.entries(headers).map(([header, value]) => [header, resolve(value)])),
      ...(json === null || json === undefined ? {} : { json: withSecrets(json, resolve) }),
      expect: {
        status: expect.status,
        json: expect.json,
        ...(expect.contains === null ? {} : { contains: expect.contains }),
      },
      save,
    })),
  });
}

type Template = NonNullable<Parameters<typeof journeyCheck>[0]["steps"][number]["json"]>;

/** `{ secret: NAME }` anywhere in a declared body is that secret's text. */
function withSecrets(value: unknown, resolve: Surroundings["resolve"]): Template {
  if (Array.isArray(value)) return value.map((inner) => withSecrets(inner, resolve));
  if (value === null || typeof value !== "object") return value as Template;
  const entries = Object.entries(value);
  const [first] = entries;
  if (entries.length === 1 && first?.[0] === "secret" && typeof first[1] === "string")
    return resolve({ secret: first[1] });
  return Object.fromEntries(entries.map(([key, inner]) => [key, withSecrets(inner, resolve)]));
}
