/** W4: `sluice simulate <environment> [version]`: the whole pipeline in virtual time, with faults on request. Touches nothing. */
import { machineClock } from "../../app/clock.ts";
import {
  type FaultName,
  faultNamed,
  faultNames,
  isFaultName,
  keepSimulation,
  type Simulated,
  simulate,
} from "../../app/simulate.ts";
import { type Outcome, outcomes } from "../../domain/outcome.ts";
import { faultLines, simulationText, timelineOf } from "../render/simulation-text.ts";
import type { Session } from "../session.ts";
import { usage, wholeNumber } from "../usage.ts";

export interface SimulateCommandOptions {
  readonly fault: readonly string[];
  readonly first?: boolean;
  readonly rps: string;
  readonly errorRate: string;
  readonly migrations: string;
  readonly expect?: string;
  readonly keep?: boolean;
}

const mostRequests = 1_000;
const mostMigrations = 50;

export async function simulateCommand(
  session: Session,
  environment: string | undefined,
  name: string | undefined,
  options: SimulateCommandOptions,
): Promise<number> {
  if (options.fault.includes("list")) return listFaults(session);
  if (environment === undefined) {
    throw usage("An environment is needed.", "For example: sluice simulate production v1.2.0");
  }
  const expected = outcomeOf(options.expect);
  const asked = {
    faults: options.fault.map(faultOf),
    first: options.first ?? false,
    requestsPerSecond: wholeNumber(options.rps, "--rps", { min: 0, max: mostRequests }),
    errorRate: share(options.errorRate, "--error-rate"),
    migrations: wholeNumber(options.migrations, "--migrations", { min: 0, max: mostMigrations }),
  };
  const settings = await session.settings(environment);
  const startMs = machineClock.now();
  const simulated = await simulate(settings, {
    ...asked,
    projectFolder: session.projectFolder,
    name,
    startedBy: session.user,
    environment: session.environment,
    startMs,
    signal: session.interrupted,
  });
  if (options.keep) await keepSimulation(simulated);
  show(session, simulated, { kept: options.keep ?? false, expected, tookMs: machineClock.now() - startMs });
  return expected === undefined || expected === simulated.outcome ? 0 : 1;
}

interface Shown {
  readonly kept: boolean;
  readonly expected: Outcome | undefined;
  readonly tookMs: number;
}

function show({ output }: Session, simulated: Simulated, { kept, expected, tookMs }: Shown): void {
  const folder = kept ? simulated.folder : null;
  if (output.json) for (const value of objectsOf(simulated, { kept, expected, tookMs })) output.result(value, "");
  else output.result(null, simulationText(simulated, { columns: output.resultColumns(), folder, tookMs }));
  if (expected !== undefined && expected !== simulated.outcome) {
    output.progress(`Expected was ${expected}; the simulation ended as ${simulated.outcome}.`);
  }
  output.next(
    simulated.outcome === "succeeded" && simulated.faults.length === 0
      ? `sluice plan ${simulated.environment} ${simulated.version}`
      : "sluice simulate --fault list",
  );
}

/** One object a line: what it is, every event, command and notification, the end, and the record. */
function objectsOf(simulated: Simulated, { kept, expected, tookMs }: Shown): readonly object[] {
  const { plan, record, commands, notifications, failure, folder } = simulated;
  const { environment, version, replaces, assumptions, outcome, exitCode, servesNow, requests, undelivered } =
    simulated;
  const said = (type: string, value: object) => ({ type, simulated: true, ...value });
  const faults = simulated.faults.map((name) => ({ name, says: faultNamed(name).says }));
  return [
    said("simulation", { environment, version, replaces, faults, assumptions }),
    ...(plan ? [said("plan", plan)] : []),
    ...timelineOf(simulated).map(({ offsetMs, event, note }) =>
      event ? said("event", { offsetMs, ...event }) : said("note", { offsetMs, title: note }),
    ),
    ...commands.map((command) => said("command", command)),
    ...notifications.map((notification) => said("notification", notification)),
    said("ended", {
      deployment: simulated.deploymentId,
      environment,
      version,
      outcome,
      expected: expected ?? null,
      exitCode,
      servesNow,
      failure,
      requests,
      undeliveredNotifications: undelivered,
      virtualMs: simulated.endedAtMs - simulated.startedAtMs,
      tookMs,
      folder: kept ? folder : null,
    }),
    said("record", { record }),
  ];
}

function listFaults({ output }: Session): number {
  const list = faultNames.map((name) => ({ name, says: faultNamed(name).says }));
  output.result({ faults: list }, faultLines(list, output.resultColumns()).join("\n"));
  output.next("sluice simulate <environment> --fault <name>");
  return 0;
}

function faultOf(name: string): FaultName {
  if (isFaultName(name)) return name;
  throw usage(`There is no fault ${JSON.stringify(name)}.`, "See which there are: sluice simulate --fault list");
}

function outcomeOf(text: string | undefined): Outcome | undefined {
  const outcome = outcomes.find((each) => each === text);
  if (text === undefined || outcome !== undefined) return outcome;
  throw usage(
    `--expect takes an outcome, not ${JSON.stringify(text)}.`,
    `One of ${outcomes.join(", ")}. For example: sluice simulate production --expect rolled-back`,
  );
}

/** `0.5%` or `0.005`. */
function share(text: string, option: string): number {
  const [, digits = "", percent = ""] = /^(\d{1,3}(?:\.\d{1,6})?)(%?)$/.exec(text.trim()) ?? [];
  const value = digits === "" ? Number.NaN : Number(digits) / (percent === "" ? 1 : 100);
  if (value >= 0 && value <= 1) return value;
  throw usage(
    `${option} takes a share such as 0.5% or 0.005, not ${JSON.stringify(text)}.`,
    "See the options: sluice simulate --help",
  );
}
