/** Stays, and goes on with what a dead process leaves: started behind every worker, or by a service manager for good. */
import { machineClock } from "../../app/clock.ts";
import type { Session } from "../session.ts";

export interface StandbyCommandOptions {
  readonly untilIdle?: boolean;
}

/** The deployment that it stands behind is starting: it needs the processor more than its standby does. */
const firstPauseMs = 1_000;

export async function standbyCommand(session: Session, options: StandbyCommandOptions): Promise<number> {
  const { output, projectFolder, stateFolder, environment, interrupted: signal } = session;
  const untilIdle = options.untilIdle ?? false;
  if (untilIdle) await machineClock.sleep(firstPauseMs, signal).catch(() => undefined);
  if (!untilIdle) await session.project();
  const { standBy } = await import("../../app/standby.ts");
  const end = await standBy({
    url: environment["SLUICE_DATABASE_URL"],
    projectFolder,
    stateFolder,
    environment,
    untilIdle,
    signal,
    tell: (text, deployment) => output.event({ type: "standby", deployment, text }, text),
  });
  output.event({ type: "standby-ended", end }, endings[end]);
  return 0;
}

const endings = {
  idle: "nothing is unfinished; the standby leaves",
  another: "another process stands by already",
  gone: "the state folder is gone; the standby leaves",
  stopped: "stopped; what was under way can be taken over",
} as const;
