/** W6 N2: a message by hand to every channel of an environment, with each channel's answer. */
import { notifyNow } from "../../app/notify-now.ts";
import { type NotificationKind, notificationKinds } from "../../domain/notification.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { stripControl } from "../../domain/redactor.ts";
import { table } from "../render/text.ts";
import { glyph } from "../render/words.ts";
import type { Session } from "../session.ts";
import { usage } from "../usage.ts";

export interface NotifyOptions {
  readonly title: string;
  readonly message: string;
  readonly event: string;
  readonly dryRun?: boolean;
}

const patienceMs = 30_000;

export async function notifyCommand(session: Session, environment: string, options: NotifyOptions): Promise<number> {
  const { output } = session;
  const settings = await session.settings(environment);
  const kind = notificationKinds.find((each) => each === options.event);
  if (kind === undefined)
    throw usage(
      `--event is one of ${notificationKinds.join(", ")}.`,
      `For example: sluice notify ${environment} --event failed --title "…" --message "…"`,
    );
  if (settings.notify.length === 0)
    throw usage(
      `${environment} tells nobody: it has no channels.`,
      "Name some under notify: in sluice.yaml, then: sluice validate",
    );
  if (options.dryRun) {
    const channels = settings.notify.map(({ name, kind: channel }) => `${name} (${channel})`);
    output.result(
      { dryRun: true, channels: settings.notify.map(({ name }) => name) },
      `would tell ${channels.join(", ")}`,
    );
    output.next(
      `sluice notify ${environment} --title ${JSON.stringify(options.title)} --message ${JSON.stringify(options.message)}`,
    );
    return 0;
  }
  return tell(session, environment, kind, options);
}

async function tell(
  session: Session,
  environment: string,
  kind: NotificationKind,
  { title, message }: NotifyOptions,
): Promise<number> {
  const { output } = session;
  const parts = await session.parts(await session.settings(environment));
  const signal = AbortSignal.any([session.interrupted, AbortSignal.timeout(patienceMs)]);
  const deliveries = await notifyNow(parts, { kind, title, message, next: `sluice status ${environment}` }, signal);
  const rows = deliveries.map(({ channel, delivered, error }) => [
    `  ${glyph(delivered ? "ok" : "bad")} ${channel}`,
    delivered ? "delivered" : stripControl(error ?? ""),
  ]);
  output.result({ environment, deliveries }, table(rows, output.resultColumns()).join("\n"));
  output.next(`sluice status ${environment}`);
  return deliveries.every(({ delivered }) => delivered) ? exitCodes.succeeded : exitCodes.failed;
}
