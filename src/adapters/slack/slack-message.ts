/**
 * What Slack shows of a notification: Block Kit with a plain text beside it. Whatever others wrote (a tag, a commit message, a log)
 * is escaped, so that `<!channel>`, a mention or a disguised link in it is text; mentions come from the configuration alone.
 */
import { type Notification, notificationFacts, notificationTones } from "../../domain/notification.ts";
import { cutVisibly, stripControl } from "../../domain/untrusted-text.ts";

export interface SlackMessage {
  /** For notifications of the system and screen readers. */
  readonly text: string;
  readonly blocks: readonly SlackBlock[];
}

interface Mrkdwn {
  readonly type: "mrkdwn";
  readonly text: string;
  /** Nothing in it is made a link or a mention that is not written as one. */
  readonly verbatim: true;
}

export type SlackBlock =
  | { readonly type: "section"; readonly text: Mrkdwn }
  | { readonly type: "section"; readonly fields: readonly Mrkdwn[] }
  | { readonly type: "context"; readonly elements: readonly Mrkdwn[] };

/** Slack's own limits: 3000 characters a section, 2000 a field, 10 fields, 50 blocks. The text beside is kept short. */
const most = { section: 3000, field: 2000, text: 1000, title: 300 };

const marks = { info: ":information_source:", good: ":white_check_mark:", warn: ":warning:", bad: ":rotating_light:" };

/** @param onCall Slack's ids of people (U…, W…) and groups (S…), checked where the configuration is read. */
export function slackMessage(notification: Notification, onCall: readonly string[]): SlackMessage {
  const { title, message, next, environmentUrl } = notification;
  const mark = marks[notificationTones[notification.kind]];
  const heading = `${mark} *${escaped(title.replaceAll("*", "∗"), most.title)}*`;
  const mentions = onCall.map((id) => (id.startsWith("S") ? `<!subteam^${id}>` : `<@${id}>`));
  const fields = notificationFacts(notification).map(([label, value]) => field(label, escaped(value, 300)));
  const address = environmentUrl === null ? [] : [field("Address", escaped(environmentUrl, 300))];
  return {
    text: `${escaped(title, most.title)} ${escaped(message, most.text)}`.trimEnd(),
    blocks: [
      section(heading),
      ...(message === "" ? [] : [section(escaped(message, most.section))]),
      { type: "section", fields: [...fields, ...address].slice(0, 10) },
      ...(mentions.length === 0 ? [] : [section(`On call: ${mentions.join(" ")}`)]),
      { type: "context", elements: [mrkdwn(`What to do: ${escaped(next, most.field - 20)}`)] },
    ],
  };
}

const mrkdwn = (text: string): Mrkdwn => ({ type: "mrkdwn", text, verbatim: true });
const section = (text: string): SlackBlock => ({ type: "section", text: mrkdwn(text) });
const field = (label: string, value: string): Mrkdwn => mrkdwn(`*${label}*\n${value}`);

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;" };

/** The three characters that Slack wants escaped begin every control sequence it has. */
const escaped = (text: string, longest: number): string =>
  cutVisibly(stripControl(text), longest, (character) => escapes[character] ?? character);
