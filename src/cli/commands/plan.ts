/** P1: `sluice plan <environment> <version>`: everything a deployment would do, before anything changes. Starts nothing. */
import { refuseBlocked } from "../../app/blocked.ts";
import { planAlone } from "../../app/layers.ts";
import { releaseFor } from "../../app/release-for.ts";
import { failureOf } from "../../domain/errors.ts";
import { exitCodeOfFailure } from "../../domain/outcome.ts";
import type { Plan } from "../../domain/plan.ts";
import { planText } from "../render/plan-text.ts";
import { reporterOf } from "../reporter.ts";
import type { Session } from "../session.ts";

export interface PlanOptions {
  readonly build: boolean;
  readonly allChanges?: boolean;
}

const fewChanges = 20;

export async function planCommand(
  session: Session,
  environment: string,
  name: string,
  options: PlanOptions,
): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  const { release } = await releaseFor(settings, session.projectFolder, name, session.interrupted);
  const parts = await session.parts(settings);
  if (options.build && settings.build === "before-plan") output.progress(`building ${release.version} …`);
  const { plan, digest } = await planAlone(parts, release, options, reporterOf(session));
  const blocked = failureOfBlocked(plan);
  const changesShown = options.allChanges ? Number.POSITIVE_INFINITY : fewChanges;
  const text = planText(plan, digest, { columns: output.resultColumns(), changesShown });
  output.result({ plan, digest, blocked: blocked ?? null }, text);
  if (blocked === undefined) {
    output.next(`sluice deploy ${environment} ${release.ref.name}`);
    return 0;
  }
  if (!output.json) output.failure(blocked);
  return exitCodeOfFailure(blocked.code);
}

function failureOfBlocked(plan: Plan) {
  try {
    refuseBlocked(plan);
    return undefined;
  } catch (thrown) {
    return failureOf(thrown, "cli.plan");
  }
}
