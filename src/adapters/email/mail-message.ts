/**
 * A notification as a mail, in text and HTML: the report where there is one (the stakeholders' summary, the incident report), else the
 * message with its facts.
 */
import { hash } from "node:crypto";
import { type Notification, notificationFacts } from "../../domain/notification.ts";
import { cutVisibly, excerpt, stripControl } from "../../domain/untrusted-text.ts";
import { mailHtml } from "./mail-html.ts";

export interface MailMessage {
  readonly messageId: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
}

/** A report is a few kilobytes; evidence in it may be more. */
const mostCharacters = 100_000;

/** @param from the domain of the sender is that of the message's id. */
export function mailMessage(notification: Notification, key: string, from: string): MailMessage {
  const { project, environment, title, report } = notification;
  const markdown = cutVisibly(stripControl(report ?? briefOf(notification)), mostCharacters);
  const domain = /@([A-Za-z0-9.-]+)>?\s*$/.exec(from)?.[1] ?? "sluice.invalid";
  return {
    // The same for every repetition: a mail program shows one.
    messageId: `<${hash("sha256", key).slice(0, 40)}@${domain}>`,
    // One line, whatever a tag or a commit message holds.
    subject: excerpt(`[${project}/${environment}] ${title}`, 200),
    text: markdown,
    html: mailHtml(excerpt(title, 200), markdown),
  };
}

function briefOf(notification: Notification): string {
  const { title, message, next, environmentUrl } = notification;
  const oneLine = (text: string) => excerpt(text, 2000);
  return [
    `# ${oneLine(title)}`,
    "",
    oneLine(message),
    "",
    ...notificationFacts(notification).map(([label, value]) => `- ${label}: ${oneLine(value)}`),
    ...(environmentUrl === null ? [] : [`- Address: ${oneLine(environmentUrl)}`]),
    "",
    `What to do: ${oneLine(next)}`,
    "",
  ].join("\n");
}
