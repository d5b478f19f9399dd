/**
 * docs/images/notifications: each kind of notification of story.ts, as a channel sends it (Slack's Block Kit, a mail's text and HTML)
 * and drawn as Slack shows it. Made by npm run generate; page.test.ts compares.
 */
import { mailMessage } from "../../src/adapters/email/mail-message.ts";
import { slackMessage } from "../../src/adapters/slack/slack-message.ts";
import { type Notification, type NotificationKind, notificationTones } from "../../src/domain/notification.ts";
import { slackPicture } from "./slack-picture.ts";
import { brief, firstOfEachKind, story, type Told, withoutDigests } from "./story.ts";

export function picturePaths(kind: NotificationKind) {
  const at = `docs/images/notifications/${kind}`;
  return { blocks: `${at}.slack.json`, drawn: `${at}.slack.svg`, text: `${at}.mail.txt`, html: `${at}.mail.html` };
}

export interface PictureFile {
  readonly path: string;
  readonly text: string;
}

export async function notificationPictures(): Promise<readonly PictureFile[]> {
  return [...firstOfEachKind(await story()).values()].flatMap(filesOf);
}

/** Who is on call is mentioned where something went wrong, as the Slack channel does it. */
const onCallFor = ({ kind }: Notification): readonly string[] =>
  notificationTones[kind] === "bad" ? ["S0614TZR7"] : [];

function filesOf(told: Told): readonly PictureFile[] {
  const { kind, atMs } = told.notification;
  const paths = picturePaths(kind);
  const message = slackMessage(brief(told), onCallFor(told.notification));
  const { subject, text, html } = mailMessage(told.notification, told.key, "Sluice <deploy@shop.example>");
  const files = [
    { path: paths.blocks, text: `${JSON.stringify(message, null, 2)}\n` },
    { path: paths.drawn, text: slackPicture(message, atMs) },
    { path: paths.text, text: `Subject: ${subject}\n\n${text.trimEnd()}\n` },
    { path: paths.html, text: html },
  ];
  return files.map((file) => ({ ...file, text: withoutDigests(file.text) }));
}
