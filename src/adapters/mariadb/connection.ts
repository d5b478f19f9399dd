/**
 * One connection URL, two readers: `mysql2` in this process and the server's own tools as children. The password reaches the
 * tools by their environment, never as an argument, and no option file of this machine is read: a `where` or `ignore-table`
 * in somebody's ~/.my.cnf would make half a backup.
 */
import type { SslOptions } from "mysql2/promise";
import { SluiceError } from "../../domain/errors.ts";
import { Secret } from "../../domain/secret.ts";
import { type CommandEnvironment, inheritedEnvironment } from "../run-command.ts";

export type Vendor = "mariadb" | "mysql";

export interface Connection {
  /** The configuration's name for it, fit for messages. */
  readonly name: string;
  readonly kind: Vendor;
  /** The server's name for the database. */
  readonly database: string;
  readonly host: string;
  readonly port: number;
  /** Path of the server's socket; then host and port say nothing. */
  readonly socket: string | null;
  readonly user: string;
  readonly password: Secret;
  readonly encryption: Encryption | null;
  /** How long a statement may wait for a table that a migration changes; the server's own limit is a day. */
  readonly lockWaitMs: number;
  /** For the tools; without the password. */
  readonly environment: CommandEnvironment;
}

const modes = ["required", "verify-ca", "verify-identity"] as const;

export interface Encryption {
  readonly mode: (typeof modes)[number];
  /** File of the certificate authority. */
  readonly authority: string | null;
}

/** Errors: CONFIG_INVALID, which never quotes the URL. */
export function readConnection(name: string, kind: Vendor, secret: Secret, lockWaitMs = 30_000): Connection {
  const url = URL.canParse(secret.reveal()) ? new URL(secret.reveal()) : undefined;
  const database = decodeURIComponent(url?.pathname.slice(1) ?? "");
  if (url === undefined || !/^(mysql|mariadb):$/.test(url.protocol) || database === "") throw notUsable(name, secret);
  const password = new Secret(`${secret.name}'s password`, decodeURIComponent(url.password));
  return {
    name,
    kind,
    database,
    host: decodeURIComponent(url.hostname).replace(/^\[(.*)\]$/, "$1") || "127.0.0.1",
    port: Number(url.port || "3306"),
    socket: url.searchParams.get("socket"),
    user: decodeURIComponent(url.username),
    password,
    encryption: encryptionOf(name, url),
    lockWaitMs,
    environment: {
      ...inheritedEnvironment(["PATH", "TMPDIR"]),
      LC_ALL: "C",
      // MySQL's tools read it whatever else they are told not to read.
      MYSQL_TEST_LOGIN_FILE: "/nonexistent",
      ...(password.reveal() === "" ? {} : { MYSQL_PWD: password }),
    },
  };
}

function encryptionOf(name: string, url: URL): Encryption | null {
  const written = url.searchParams.get("ssl-mode")?.toLowerCase() ?? "disabled";
  if (written === "disabled") return null;
  const mode = modes.find((each) => each === written.replaceAll("_", "-"));
  if (mode !== undefined) return { mode, authority: url.searchParams.get("ssl-ca") };
  throw invalid(
    name,
    `The ssl-mode of ${name} is none of disabled, ${modes.join(", ")}.`,
    "Correct it in the URL, then run: sluice validate",
  );
}

/** For `mysql2`. */
export function sslOf({ encryption }: Connection, authority: string | undefined): SslOptions | undefined {
  if (encryption === null) return undefined;
  const verified = encryption.mode !== "required";
  return {
    rejectUnauthorized: verified,
    verifyIdentity: encryption.mode === "verify-identity",
    ...(authority === undefined ? {} : { ca: authority }),
  };
}

/** Where the server is and how it is spoken to, for every tool; nothing in it is secret. */
export function serverArguments(connection: Connection, vendor: Vendor): readonly string[] {
  const { host, port, socket, user } = connection;
  return [
    ...(socket === null ? [`--host=${host}`, `--port=${port}`, "--protocol=tcp"] : [`--socket=${socket}`]),
    ...(user === "" ? [] : [`--user=${user}`]),
    ...encryptionArguments(connection.encryption, vendor),
  ];
}

function encryptionArguments(encryption: Encryption | null, vendor: Vendor): readonly string[] {
  if (encryption === null) return vendor === "mysql" ? ["--ssl-mode=PREFERRED"] : [];
  const authority = encryption.authority === null ? [] : [`--ssl-ca=${encryption.authority}`];
  if (vendor === "mysql") return [`--ssl-mode=${encryption.mode.toUpperCase().replaceAll("-", "_")}`, ...authority];
  const verify = encryption.mode === "required" ? "--skip-ssl-verify-server-cert" : "--ssl-verify-server-cert";
  return ["--ssl", verify, ...authority];
}

export const placeOf = ({ host, port, socket }: Connection): string => socket ?? `${host}:${port}`;

/** The message of a driver's error. With several addresses Node reports an AggregateError without a message of its own. */
export function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const first = error instanceof AggregateError ? error.errors[0] : undefined;
  return error.message || (first instanceof Error ? first.message : error.name);
}

const notUsable = (name: string, secret: Secret): SluiceError =>
  invalid(
    name,
    `${secret.name} is not a MySQL URL with a database in it.`,
    "Write it as mysql://user:password@host:3306/database (a socket as ?socket=/path), then run: sluice validate",
  );

const invalid = (name: string, message: string, hint: string): SluiceError =>
  new SluiceError({ code: "CONFIG_INVALID", remedy: "operator", at: `databases.${name}`, message, hint });
