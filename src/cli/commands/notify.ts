/** W6 N2: a message by hand to the channels of an environment, with each channel's answer; and whether the channels work at all. */
import { resolve } from "node:path";
import { environmentNames } from "../../app/environment-names.ts";
import { type Delivery, type Message, notifyNow, tellAgain } from "../../app/notify-now.ts";
import { notificationKinds } from "../../domain/notification.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { stripControl } from "../../domain/redactor.ts";
import { plural, table } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import type { Session } from "../session.ts";
import { usage } from "../usage.ts";

export interface NotifyOptions {
  readonly title?: string;
  readonly message?: string;
  readonly event: string;
  readonly channel?: string;
  readonly again?: boolean;
  readonly dryRun?: boolean;
}

const patienceMs = 30_000;

/** `production`, or `test` with or without an environment; an environment may be called `test` as well. */
export async function notifyCommand(
  session: Session,
  [first, second]: readonly [string, string | undefined],
  options: NotifyOptions,
): Promise<number> {
  if (first === "test" && options.title === undefined && !options.again) return testChannels(session, second, options);
  if (second !== undefined)
    throw usage(`Which of the two is the environment: ${first} or ${second}?`, `See: sluice notify --help`);
  if (options.again) return again(session, first, options);
  const { title, message } = options;
  const kind = notificationKinds.find((each) => each === options.event);
  if (title === undefined || message === undefined)
    throw usage("A message has a --title and a --message.", `To try the channels: sluice notify test ${first}`);
  if (kind === undefined)
    throw usage(
      `--event is one of ${notificationKinds.join(", ")}.`,
      `For example: sluice notify ${first} --event failed --title "…" --message "…"`,
    );
  const said = `--title ${JSON.stringify(title)} --message ${JSON.stringify(message)}`;
  if (options.dryRun) return dryRun(session, [first], options, `sluice notify ${first} ${said}`);
  return tell(session, first, { kind, title, message, next: `sluice status ${first}` }, options);
}

async function testChannels(session: Session, environment: string | undefined, options: NotifyOptions) {
  const all = environmentNames(resolve(session.projectFolder, session.configurationFile)) ?? [];
  const names = environment === undefined ? all : [environment];
  if (options.dryRun) return dryRun(session, names, options, ["sluice notify test", environment].join(" ").trimEnd());
  let exitCode: number = exitCodes.succeeded;
  for (const name of names) {
    const title = `A test of the channels of ${name}`;
    const message = "Whoever reads this is told what happens there. Nothing was deployed.";
    const code = await tell(session, name, { kind: "test", title, message, next: `sluice status ${name}` }, options);
    exitCode = Math.max(exitCode, code);
  }
  return exitCode;
}

/** Of an environment; throws where it has none, or not that one. */
async function channelsOf(session: Session, environment: string, { channel }: NotifyOptions) {
  const settings = await session.settings(environment);
  const names = settings.notify.map(({ name }) => name);
  if (names.length === 0)
    throw usage(
      `${environment} tells nobody: it has no channels.`,
      "Name some under notify: in sluice.yaml, then: sluice validate",
    );
  if (channel === undefined || names.includes(channel))
    return settings.notify.filter(({ name }) => channel === undefined || name === channel);
  throw usage(
    `${environment} has no channel ${JSON.stringify(channel)}.`,
    `It has ${names.join(", ")}: sluice validate`,
  );
}

async function dryRun(session: Session, environments: readonly string[], options: NotifyOptions, command: string) {
  const found = await Promise.all(environments.map((name) => channelsOf(session, name, options)));
  const channels = found.flat();
  session.output.result(
    { dryRun: true, channels: channels.map(({ name }) => name) },
    `would tell ${channels.map(({ name, kind }) => `${name} (${kind})`).join(", ")}`,
  );
  session.output.next(command);
  return exitCodes.succeeded;
}

async function tell(session: Session, environment: string, message: Message, options: NotifyOptions): Promise<number> {
  const channels = (await channelsOf(session, environment, options)).map(({ name }) => name);
  const parts = await session.parts(await session.settings(environment));
  return show(session, environment, await notifyNow(parts, message, signalOf(session), channels));
}

async function again(session: Session, environment: string, options: NotifyOptions): Promise<number> {
  await channelsOf(session, environment, options);
  const parts = await session.parts(await session.settings(environment));
  const revived = await tellAgain(parts, options.channel, signalOf(session));
  session.output.result(
    { environment, triedAgain: revived },
    revived === 0 ? "nothing was given up" : `${plural(revived, "notification")} tried once more`,
  );
  session.output.next(`sluice status ${environment}`);
  return exitCodes.succeeded;
}

const signalOf = (session: Session): AbortSignal =>
  AbortSignal.any([session.interrupted, AbortSignal.timeout(patienceMs)]);

function show({ output }: Session, environment: string, deliveries: readonly Delivery[]): number {
  const rows = deliveries.map(({ channel, delivered, error }) => [
    `  ${glyph(delivered ? "ok" : "bad")} ${channel}`,
    delivered ? "delivered" : stripControl(error ?? ""),
  ]);
  output.result({ environment, deliveries }, table(rows, output.resultColumns()).join("\n"));
  output.next(`sluice status ${environment}`);
  return deliveries.every(({ delivered }) => delivered) ? exitCodes.succeeded : exitCodes.failed;
}
