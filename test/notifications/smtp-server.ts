/** A real SMTP server (npm's smtp-server) on loopback that keeps what it takes. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

export interface Mail {
  readonly to: readonly string[];
  readonly source: string;
  readonly secure: boolean;
  readonly user: string | undefined;
}

/** The one password that it takes. */
export const smtpPassword = "pa55w0rd";

export async function smtpServer(options: SMTPServerOptions = {}) {
  const mails: Mail[] = [];
  const server = new SMTPServer({
    authOptional: true,
    logger: false,
    ...options,
    onAuth: ({ username, password: given }, _session, done) =>
      given === smtpPassword ? done(null, { user: username }) : done(new Error("Invalid username or password")),
    onData(stream, session, done) {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        const to = session.envelope.rcptTo.map(({ address }) => address);
        mails.push({ to, source: Buffer.concat(chunks).toString("utf8"), secure: session.secure, user: session.user });
        done();
      });
    },
  });
  server.on("error", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  const { port } = server.server.address() as AddressInfo;
  return {
    port,
    mails: mails as readonly Mail[],
    [Symbol.asyncDispose]: () => new Promise<void>((ended) => server.close(() => ended())),
  };
}

/** Header values may be folded and encoded; these are neither. */
export const mailHeader = (mail: Mail | undefined, name: string): string | undefined =>
  new RegExp(`^${name}: (.*)$`, "im").exec(mail?.source.replaceAll(/\r\n[ \t]+/g, " ") ?? "")?.[1]?.trim();
