/** W6: single layers for adoption inside somebody else's workflow, each with its own exit code. */
import {
  buildAlone,
  migrateAlone,
  monitorAlone,
  pendingMigrations,
  preflightAlone,
  servingVersion,
  smokeAlone,
} from "../../app/layers.ts";
import { releaseFor } from "../../app/release-for.ts";
import { humanDuration } from "../../domain/duration.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { blockingFindings } from "../../domain/plan.ts";
import { stripControl } from "../../domain/redactor.ts";
import { paint } from "../output.ts";
import { checkLines } from "../render/check-lines.ts";
import { checkWidth, findingLines, migrationLines } from "../render/plan-text.ts";
import { padEnd, plural } from "../render/text.ts";
import { glyph, readingText } from "../render/words.ts";
import { reporterOf } from "../reporter.ts";
import type { Session } from "../session.ts";
import { duration, usage } from "../usage.ts";
import type { SmokeOptions } from "./smoke-url.ts";

export interface DryRunOption {
  readonly dryRun?: boolean;
}

/** F9: every check side by side, all results, each failure with what to do. */
export async function checkCommand(
  session: Session,
  environment: string,
  version: string | undefined,
): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  const named =
    version === undefined ? undefined : await releaseFor(settings, session.projectFolder, version, session.interrupted);
  const parts = await session.parts(settings);
  const { findings, skipped } = await preflightAlone(parts, named?.release, reporterOf(session));
  const blocking = blockingFindings(findings);
  const warnings = findings.filter(({ verdict, action }) => verdict !== "pass" && action === "warn");
  const columns = output.resultColumns();
  const width = checkWidth(findings);
  const passed = findings.filter(({ verdict }) => verdict === "pass").length;
  const lines = [
    ...findings.flatMap((finding) => findingLines(finding, width, columns)),
    ...skipped.map((check) => paint.dim(`  – ${padEnd(check, width)}  not asked: the plan of a release does`)),
    `${passed} of ${findings.length} passed, ${blocking.length} block, ${warnings.length} warn`,
  ];
  output.result(
    { environment, version: named?.release.version ?? null, findings, skipped, blocked: blocking.length > 0 },
    lines.join("\n"),
  );
  output.next(
    blocking.length > 0
      ? `sluice check ${environment}${version ? ` ${version}` : ""}`
      : `sluice plan ${environment} ${version ?? "<version>"}`,
  );
  return blocking.length > 0 ? exitCodes.refused : exitCodes.succeeded;
}

export async function buildCommand(
  session: Session,
  environment: string,
  version: string,
  { dryRun }: DryRunOption,
): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  const { release } = await releaseFor(settings, session.projectFolder, version, session.interrupted);
  const next = `sluice plan ${environment} ${version}`;
  if (dryRun) {
    const lines = settings.components.map(
      ({ name, build }) => `${name}: ${build.map((argv) => argv.join(" ")).join(", then ") || "the tree as it is"}`,
    );
    output.result(
      { dryRun: true, release, components: settings.components.map(({ name, build }) => ({ name, build })) },
      [`would build ${release.version} (${release.commit.slice(0, 12)})`, ...lines.map((line) => `  ${line}`)].join(
        "\n",
      ),
    );
    output.next(`sluice build ${environment} ${version}`);
    return 0;
  }
  const parts = await session.parts(settings);
  const artifacts = await buildAlone(parts, release, reporterOf(session));
  output.result(
    { release, artifacts },
    artifacts
      .map(({ component, digest, location }) => `${glyph("ok")} ${component} ${digest}\n  ${location}`)
      .join("\n"),
  );
  output.next(next);
  return 0;
}

/** M1 M2 under the environment's lock, so that no deployment runs beside it. Takes no backup: that is a layer of its own. */
export async function migrateCommand(
  session: Session,
  environment: string,
  version: string,
  { dryRun }: DryRunOption,
): Promise<number> {
  const { output, user } = session;
  const settings = await session.settings(environment);
  if (settings.migrations.length === 0)
    throw usage(
      `${environment} declares no migrations.`,
      "Declare them under migrations: in sluice.yaml, then: sluice validate",
    );
  const { release } = await releaseFor(settings, session.projectFolder, version, session.interrupted);
  const parts = await session.parts(settings);
  const reporter = reporterOf(session);
  const pending = await pendingMigrations(parts, release, reporter);
  const shown = pending.flatMap((migration) => migrationLines(migration, output.resultColumns()));
  if (dryRun || pending.length === 0) {
    const words =
      pending.length === 0
        ? "nothing is pending"
        : `would apply ${plural(pending.length, "migration")} to ${environment}`;
    output.result({ dryRun: dryRun ?? false, pending, applied: [] }, [...shown, words].join("\n"));
    output.next(
      pending.length === 0 ? `sluice plan ${environment} ${version}` : `sluice migrate ${environment} ${version}`,
    );
    return 0;
  }
  output.progress(shown.join("\n"));
  output.progress(`${glyph("warn")} this takes no backup; one is taken by: sluice backup create ${environment}`);
  const applied = await migrateAlone(parts, release, pending, user, reporter);
  output.result({ pending, applied }, `${glyph("ok")} applied ${applied.join(", ")}; nothing is pending any more`);
  output.next(`sluice smoke ${environment}`);
  return 0;
}

export async function smokeCommand(session: Session, where: string, options: SmokeOptions): Promise<number> {
  if (/^https?:\/\//i.test(where)) {
    const { smokeUrlCommand } = await import("./smoke-url.ts");
    return smokeUrlCommand(session, where, options);
  }
  const settings = await session.settings(where);
  const parts = await session.parts(settings);
  const version = options.release ?? (await servingVersion(parts));
  const { results, verdict } = await smokeAlone(parts, version, reporterOf(session));
  if (results.length === 0)
    throw usage(
      `${where} declares no health and no smoke checks: nothing was looked at.`,
      "Declare some under health: or smoke: in sluice.yaml, then: sluice validate",
    );
  const passed = verdict.kind === "pass";
  const summary = passed
    ? `${glyph("ok")} ${version} in ${where} passes`
    : `${glyph("bad")} ${version} in ${where}: ${stripControl(verdict.reason)}`;
  session.output.result(
    { environment: where, version, verdict, results },
    [...checkLines(results, session.output.resultColumns()), summary].join("\n"),
  );
  session.output.next(passed ? `sluice status ${where}` : `sluice rollback ${where} --dry-run`);
  return passed ? exitCodes.succeeded : exitCodes.failed;
}

export async function monitorCommand(
  session: Session,
  environment: string,
  options: { readonly for?: string; readonly every?: string },
): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  const observation = {
    ...settings.observation,
    ...(options.for === undefined ? {} : { durationMs: duration(options.for, "--for") }),
    ...(options.every === undefined ? {} : { everyMs: duration(options.every, "--every") }),
  };
  if (observation.durationMs === 0)
    throw usage(
      `${environment} has no observation to run (its duration is 0).`,
      `Say how long: sluice monitor ${environment} --for 5m`,
    );
  const parts = await session.parts(settings);
  output.progress(
    `watching ${environment} for ${humanDuration(observation.durationMs)}, a round every ${humanDuration(observation.everyMs)}`,
  );
  const seen = await monitorAlone(parts, observation, reporterOf(session));
  output.result(
    { environment, ...seen },
    `${glyph("ok")} ${seen.version}: ${seen.passedRounds} of ${seen.rounds} rounds passed in ${humanDuration(seen.tookMs)}; ${readingText(seen)}`,
  );
  output.next(`sluice status ${environment}`);
  return 0;
}
