/** The declared checks, answered by the simulated world: their names and weights are real, nothing is asked over a network. */
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { checksOfSuite } from "../../domain/smoke.ts";
import { fail, pass, type Verdict } from "../../domain/verdict.ts";
import type { Parts } from "../../pipeline/parts.ts";
import type { Check } from "../../ports/check.ts";
import type { Mishaps } from "./mishaps.ts";
import type { SimulatedPlace } from "./place.ts";

interface CheckedWorld {
  readonly settings: EnvironmentSettings;
  readonly place: SimulatedPlace;
  readonly broken: Mishaps;
  readonly candidate: string;
}

const answerMs = 20;

export function simulatedChecks({ settings, place, broken, candidate }: CheckedWorld): Parts["checks"] {
  const healthOf = (version: string): Verdict =>
    version === candidate && !broken.healthy ? fail("answers 500 (simulated)") : pass;

  const routed = settings.components.filter(({ route }) => route !== null);
  const asked = routed.length > 0 ? routed : settings.components;
  const versionsAsked = async () => {
    const versions = await Promise.all(asked.map(({ name }) => place.mainVersion(name)));
    return versions.filter((version) => version !== undefined);
  };

  /** As clients come: the worst of what has most of the traffic. A check names no component. */
  const serviceVerdict = async (expected: string | null): Promise<Verdict> => {
    const versions = await versionsAsked();
    if (versions.length === 0) return fail("nothing answers");
    const other = expected === null ? undefined : versions.find((version) => version !== expected);
    if (other !== undefined) return fail(`names version ${other}, expected ${expected}`);
    return versions.map(healthOf).find(({ kind }) => kind !== "pass") ?? pass;
  };
  const smokeVerdict = async (): Promise<Verdict> => {
    const isCandidate = (await versionsAsked()).includes(candidate);
    return isCandidate && !broken.smokePasses ? fail("not as expected (simulated)") : serviceVerdict(null);
  };

  return {
    instances: (instances) =>
      instances.map(({ component, revision, version, endpoint }) =>
        answering(`${component} ${endpoint.host}:${endpoint.port}`, true, async () =>
          place.runs(component, revision) ? healthOf(version) : fail("connection refused"),
        ),
      ),
    services: (version) =>
      settings.health.map(({ name, critical, body }) => {
        const namesVersion = Object.values(body).some((value) => String(value).includes("{version}"));
        return answering(name, critical, () => serviceVerdict(namesVersion ? version : null));
      }),
    smoke: () => smokeSuiteOf(settings).map(({ name, critical }) => answering(name, critical, smokeVerdict)),
  };
}

/** What the environment's suite runs besides the health checks. */
export function smokeSuiteOf({
  smoke: { suite, checks, journeys },
  databases,
}: Pick<EnvironmentSettings, "smoke" | "databases">): readonly { readonly name: string; readonly critical: boolean }[] {
  return checksOfSuite(
    [
      ...checks.map((check) => ({ ...check, critical: check.kind === "http" ? check.check.critical : check.critical })),
      ...databases.map(({ name }) => ({ name, kind: "database" as const, critical: true })),
      ...journeys.map((journey) => ({ ...journey, kind: "journey" as const })),
    ],
    suite,
  );
}

const answering = (name: string, critical: boolean, answer: () => Promise<Verdict>): Check => ({
  name,
  critical,
  async probe(signal) {
    signal.throwIfAborted();
    const verdict = await answer();
    const detail = verdict.kind === "pass" ? "as expected (simulated)" : verdict.reason;
    return { name, verdict, tookMs: answerMs, detail };
  },
});
