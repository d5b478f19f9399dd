/** What a simulation found, once it is over, and what it had to assume. */
import { resolveSecrets } from "../../config/secrets.ts";
import type { Failure } from "../../domain/errors.ts";
import type { Json } from "../../domain/json.ts";
import { exitCodeOf, exitCodeOfFailure } from "../../domain/outcome.ts";
import type { Plan } from "../../domain/plan.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { readText } from "../project.ts";
import { commandsOf } from "./commands.ts";
import { migrationsOf, type World } from "./open-world.ts";
import type { Simulated } from "./simulated.ts";

export async function found(world: World, startedAtMs: number): Promise<Simulated> {
  const { settings, options, release, rawLedger, clock, watch, parts, place, deploymentId: id } = world;
  const row = await rawLedger.deployment(id);
  const outcome = row?.outcome ?? "quarantined";
  const record = ((await rawLedger.record(id)) ?? {}) as Simulated["record"];
  const failure = (record.failure ?? null) as unknown as Failure | null;
  const events = await rawLedger.events(id, 0);
  const announced = events.map(({ detail }) => detail as { readonly plan?: Json; readonly digest?: string } | null);
  const plan = announced.find((detail) => detail?.plan !== undefined);
  const endedAtMs = row?.endedAtMs ?? events.at(-1)?.atMs ?? clock.now();
  const notComeToPass = watch.duringRollout
    .filter(({ begun }) => !begun)
    .map(({ fault }) => ({ atMs: endedAtMs, text: `${fault} did not come to pass: the deployment had ended before` }));
  const replaces = options.first ? null : release.stable.version;
  return {
    deploymentId: id,
    environment: settings.environment,
    version: release.version,
    replaces,
    faults: options.faults,
    assumptions: assumptionsOf(world),
    startedAtMs,
    endedAtMs,
    plan: plan ? { plan: plan.plan as unknown as Plan, digest: plan.digest ?? "" } : null,
    events,
    notes: [...watch.notes, ...notComeToPass],
    commands: commandsOf(settings, release.version, replaces),
    notifications: parts.channels
      .flatMap(({ name, told }) => told().map((notification) => ({ channel: name, notification })))
      .sort((a, b) => a.notification.atMs - b.notification.atMs),
    undelivered: (await rawLedger.undelivered(id)).length,
    requests: place.served,
    outcome,
    exitCode: failure ? exitCodeOfFailure(failure.code, outcome) : exitCodeOf(outcome),
    failure,
    servesNow: typeof record.serves_now === "string" ? record.serves_now : null,
    record: { simulated: true, ...record },
    folder: typeof record.folder === "string" ? record.folder : null,
    files: parts.files,
  };
}

function gateAssumptions(settings: EnvironmentSettings): readonly string[] {
  const { ciCommand, requiredChecks = [], staging, vulnerabilities } = settings;
  return [
    ...(ciCommand === null ? [] : ["The CI gate is taken as passed; its command is not run."]),
    ...(requiredChecks.length === 0 ? [] : ["The checks at GitHub are taken as passed; GitHub is not asked."]),
    ...(vulnerabilities ? ["The dependencies are not looked at."] : []),
    ...(staging ? [`It is taken to have gone well in ${staging.environment}.`] : []),
  ];
}

function migrationAssumptions({ migrations }: EnvironmentSettings, brought: number): readonly string[] {
  if (migrations.length === 0) return [];
  return [`The release brings ${brought === 0 ? "no" : brought} migrations; the tool is not asked (--migrations <n>).`];
}

function assumptionsOf({ settings, options, release }: World): readonly string[] {
  const { missing } = resolveSecrets(settings, { environment: options.environment, readFile: readText });
  const absent = missing.map(({ name, required, source }) =>
    required ? `${name} (${source})` : `${name} (${source}, optional)`,
  );
  return [
    ...release.assumptions,
    options.first ? "Nothing serves yet." : `${release.stable.version} is taken to serve now.`,
    ...(absent.length > 0 ? [`Secrets that are missing here are taken as present: ${absent.join(", ")}.`] : []),
    ...gateAssumptions(settings),
    ...migrationAssumptions(settings, migrationsOf(settings, options)),
    ...(settings.approvals.required > 0 && !options.faults.some((name) => name === "rejected" || name === "expired")
      ? ["Approvals are given at once, by nobody."]
      : []),
    "The hosts have room, the checks are answered by the simulation, and the times of commands are guessed.",
  ];
}
