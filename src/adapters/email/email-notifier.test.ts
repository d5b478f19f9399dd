/** A real SMTP server (npm's smtp-server) on loopback, with real TLS, that takes, delays or refuses as each test says. */
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import type { SMTPServerOptions } from "smtp-server";
import { expect, test } from "vitest";
import { mailHeader, smtpPassword, smtpServer } from "../../../test/notifications/smtp-server.ts";
import { Secret } from "../../domain/secret.ts";
import { testCertificates } from "../../testing/local-servers.ts";
import { exampleNotification, hostileNotification } from "../../testing/notification-examples.ts";
import { realClock } from "../../testing/real-clock.ts";
import { type EmailOptions, emailNotifier } from "./email-notifier.ts";
import { mailMessage } from "./mail-message.ts";

const { signal } = new AbortController();
const password = new Secret("SMTP_PASSWORD", smtpPassword);

const plain = { hideSTARTTLS: true };
const mailTo = (port: number, more: Partial<EmailOptions> = {}) =>
  emailNotifier({
    name: "mail",
    server: `smtp://127.0.0.1:${port}`,
    login: null,
    from: "Sluice <deploy@shop.example>",
    to: ["a@shop.example", "b@shop.example"],
    clock: realClock(),
    ...more,
  });

/** A reply of the server's own choosing to each recipient. */
const refusing = (code: number, only = "b@shop.example"): SMTPServerOptions => ({
  ...plain,
  onRcptTo: ({ address }, _session, done) =>
    address === only || only === "all"
      ? done(Object.assign(new Error("not now, not here"), { responseCode: code }))
      : done(),
});

test("N2 a mail has text and HTML, and those of one deployment are a thread", async () => {
  await using server = await smtpServer(plain);
  const notifier = mailTo(server.port);

  const thread = (await notifier.tell(exampleNotification, "k1", signal)) ?? null;
  await notifier.tell(exampleNotification, "k2", signal, { thread, isOver: false });

  const [first, second] = server.mails;
  expect(first?.to).toEqual(["a@shop.example", "b@shop.example"]);
  expect(mailHeader(first, "subject")).toBe("[shop/production] v1.2.0 in production: rolled-back");
  expect(first?.source).toMatch(/multipart\/alternative[\s\S]*text\/plain[\s\S]*text\/html/);
  expect(mailHeader(second, "in-reply-to")).toBe(mailHeader(first, "message-id"));
  expect(mailHeader(second, "message-id")).not.toBe(mailHeader(first, "message-id"));
});

test("N3 a repeated mail has the same id, so that a mail program shows one", () => {
  const idOf = (key: string) => mailMessage(exampleNotification, key, "deploy@shop.example").messageId;

  expect(idOf("k1")).toBe(idOf("k1"));
  expect(idOf("k1")).not.toBe(idOf("k2"));
});

test("K3 TLS from the first byte, with its certificate checked", async () => {
  const { ca, valid, expired } = await testCertificates();
  await using good = await smtpServer({ secure: true, ...valid });
  await using bad = await smtpServer({ secure: true, ...expired });
  const at = (port: number) =>
    mailTo(port, { server: `smtps://127.0.0.1:${port}`, ca, login: { user: "deploy", password } });

  await at(good.port).tell(exampleNotification, "k", signal);

  await expect(at(bad.port).tell(exampleNotification, "k", signal)).rejects.toThrow("CERT_HAS_EXPIRED");
  await expect(
    mailTo(good.port, { server: `smtps://127.0.0.1:${good.port}` }).tell(exampleNotification, "k", signal),
  ).rejects.toMatchObject({ failure: { remedy: "retry" } });
  expect(good.mails).toMatchObject([{ secure: true, user: "deploy" }]);
  expect(bad.mails).toEqual([]);
});

test("K3 STARTTLS where it is offered, and none of it without where the server is not this machine's", async () => {
  const { ca, valid } = await testCertificates();
  await using offering = await smtpServer({ ...valid });
  await using stripped = await smtpServer(plain);

  await mailTo(offering.port, { ca }).tell(exampleNotification, "k", signal);
  expect(offering.mails).toMatchObject([{ secure: true }]);

  // A name of this machine that is not known as one stands for another machine.
  const elsewhere = mailTo(stripped.port, {
    server: `smtp://0.0.0.0:${stripped.port}`,
    login: { user: "deploy", password },
  });
  await expect(elsewhere.tell(exampleNotification, "k", signal)).rejects.toMatchObject({
    failure: { code: "NOTIFICATION_FAILED" },
  });
  expect(stripped.mails).toEqual([]);
});

test.each([
  [451, "retry"],
  [550, "operator"],
])("N3 a %i is tried again, or not (%s)", async (code, remedy) => {
  await using server = await smtpServer(refusing(code, "all"));

  await expect(mailTo(server.port).tell(exampleNotification, "k", signal)).rejects.toMatchObject({
    failure: { remedy, message: expect.stringContaining(String(code)) },
  });
});

test("N3 one address that is refused is named, and the others are not told twice", async () => {
  await using server = await smtpServer(refusing(550));

  await expect(mailTo(server.port).tell(exampleNotification, "k", signal)).rejects.toMatchObject({
    failure: { remedy: "operator", message: "The mail channel mail took it, but not for b@shop.example." },
  });
  expect(server.mails.map(({ to }) => to)).toEqual([["a@shop.example"]]);
});

test("K1 a wrong password is a person's to mend, and in no error", async () => {
  const { ca, valid } = await testCertificates();
  await using server = await smtpServer({ ...valid });
  const login = { user: "deploy", password: new Secret("SMTP_PASSWORD", "wr0ng") };

  await expect(mailTo(server.port, { ca, login }).tell(exampleNotification, "k", signal)).rejects.toMatchObject({
    failure: { remedy: "operator", message: expect.stringMatching(/535((?!wr0ng).)*$/) },
  });
});

test("N3 a server that says nothing rejects within its time", async () => {
  const silent = createServer(() => undefined).listen(0, "127.0.0.1");
  await once(silent, "listening");
  const { port } = silent.address() as AddressInfo;

  const told = mailTo(port, { timeoutMs: 200 }).tell(exampleNotification, "k", signal);

  await expect(told).rejects.toMatchObject({ failure: { remedy: "retry" } });
  silent.close();
});

test("N2 K1 what others wrote adds no header, no recipient and no markup", async () => {
  await using server = await smtpServer(plain);

  await mailTo(server.port).tell(hostileNotification, "k", signal);

  const [mail] = server.mails;
  expect(mail?.to).toEqual(["a@shop.example", "b@shop.example"]);
  expect(mail?.source.split("\r\n\r\n")[0]).not.toMatch(/^bcc:/im);
  const { html, text, subject } = mailMessage(hostileNotification, "k", "deploy@shop.example");
  expect(html).not.toMatch(/<img|<https|<!channel|<@/);
  expect(`${text}${html}${subject}`).not.toContain("\u001b");
  expect(subject).not.toMatch(/[\r\n]/);
});

test("N2 a report is the mail: its headings, lists, tables and code, all of it escaped", () => {
  const report = [
    "# v1.2.0 <b>",
    "",
    "Two lines",
    "of text with `code`.",
    "",
    "## What",
    "- one <script>",
    "- two",
    "",
    "| a | b |",
    "|---|---|",
    "| 1 | <i> |",
    "",
    "```",
    "- <pre> | as it is",
    "```",
    "",
    "    sluice status",
  ].join("\n");

  const { html, text } = mailMessage({ ...exampleNotification, report }, "k", "deploy@shop.example");

  expect(text).toBe(report);
  expect(html).toMatchSnapshot();
});

test("N2 a rolled back deployment as it is mailed without a report", () => {
  expect(mailMessage(exampleNotification, "k", "deploy@shop.example").text).toMatchSnapshot();
});
