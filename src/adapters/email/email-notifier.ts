/**
 * N2: mail, by SMTP. TLS always (from the first byte, or STARTTLS, which is demanded), its certificate checked; only a server on this
 * machine may do without. A temporary refusal (4xx) is tried again, a permanent one (5xx) is not. The mails of one deployment are a
 * thread.
 */
import type { SendMailOptions } from "nodemailer";
import type { Json } from "../../domain/json.ts";
import type { Secret } from "../../domain/secret.ts";
import { excerpt } from "../../domain/untrusted-text.ts";
import type { Clock } from "../../ports/clock.ts";
import { deadlineIn } from "../../ports/deadline.ts";
import type { Earlier, Notifier } from "../../ports/notifier.ts";
import { type ChannelHttp, channelFailed, isLoopback } from "../channel-http.ts";
import { redactor } from "../redact.ts";
import { mailMessage } from "./mail-message.ts";

export interface EmailOptions {
  readonly name: string;
  /** `smtps://host[:465]` or `smtp://host[:587]`. */
  readonly server: string;
  readonly login: { readonly user: string; readonly password: Secret } | null;
  readonly from: string;
  readonly to: readonly string[];
  readonly clock: Clock;
  /** From the connection to the server's last word. Default 15 s. */
  readonly timeoutMs?: number;
  /** Certificates (PEM) of a private CA. */
  readonly ca?: string;
}

export function emailNotifier(options: EmailOptions): Notifier {
  const { name, from, to } = options;
  const channel: Pick<ChannelHttp, "what" | "name"> = { what: "mail channel", name };
  return {
    kind: "email",
    name,
    takesReport: true,
    async tell(notification, key, signal, earlier) {
      signal.throwIfAborted();
      const message = mailMessage(notification, key, from);
      const first = firstIn(earlier);
      const thread = first === undefined ? {} : { inReplyTo: first, references: [first] };
      const rejected = await send(options, { from, to: [...to], ...message, ...thread }, signal);
      // Trying again would send it twice to those who have it.
      if (rejected.length > 0)
        throw channelFailed(channel, `took it, but not for ${excerpt(rejected.join(", "), 300)}`, "operator");
      return first === undefined ? { messageId: message.messageId } : undefined;
    },
  };
}

/** Loaded where a mail is sent: most projects send none. */
async function transportOf({ server, login, ca, timeoutMs = 15_000 }: EmailOptions) {
  const { createTransport } = await import("nodemailer");
  const { hostname, port, protocol } = new URL(server);
  const secure = protocol === "smtps:";
  const isLocal = isLoopback(hostname);
  return createTransport({
    host: hostname.replace(/^\[|\]$/g, ""),
    port: port === "" ? (secure ? 465 : 587) : Number(port),
    secure,
    requireTLS: !secure && !isLocal,
    tls: { minVersion: "TLSv1.2", ...(ca === undefined ? {} : { ca }) },
    ...(login === null ? {} : { auth: { user: login.user, pass: login.password.reveal() } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // A message is text: nothing in it is read from a file or fetched.
    disableFileAccess: true,
    disableUrlAccess: true,
  });
}

/** Those of the addressees whom the server did not take it for. */
async function send(options: EmailOptions, mail: SendMailOptions, signal: AbortSignal): Promise<readonly string[]> {
  const { clock, timeoutMs = 15_000 } = options;
  await using limit = deadlineIn(timeoutMs, clock, { signal });
  try {
    const transport = await transportOf(options);
    const sent = await transport.sendMail({ ...mail, signal: limit.signal });
    return sent.rejected.map(String);
  } catch (thrown) {
    signal.throwIfAborted();
    throw failed(options, thrown, limit.passed ? timeoutMs : undefined);
  }
}

interface SmtpTrouble {
  readonly code?: string;
  readonly originalCode?: string;
  readonly responseCode?: number;
  readonly response?: string;
  /** Set where the server has answered. */
  readonly permanent?: boolean;
}

function failed({ name, login }: EmailOptions, thrown: unknown, lateMs: number | undefined) {
  const channel = { what: "mail channel", name };
  if (lateMs !== undefined) return channelFailed(channel, `did not answer within ${lateMs} ms`, "retry");
  const { code, originalCode, response, responseCode, permanent } = thrown as SmtpTrouble;
  const redact = redactor(login === null ? [] : [login.password]);
  if (responseCode !== undefined)
    return channelFailed(
      channel,
      `answered ${excerpt(response ?? String(responseCode), 200, redact)}`,
      permanent ? "operator" : "retry",
    );
  const why = excerpt(originalCode ?? code ?? "connection failed", 60);
  return channelFailed(channel, `was not reached (${why})`, "retry");
}

function firstIn(earlier: Earlier | undefined): string | undefined {
  const id = (earlier?.thread as { readonly messageId?: Json } | null | undefined)?.messageId;
  return typeof id === "string" ? id : undefined;
}
