/**
 * Why no answer came, in words for a reason. `fault` tells the site's failure from ours: a request that this machine could
 * not even send says nothing about the site.
 */
import { stripControl } from "../../domain/redactor.ts";
import { DeadlinePassed } from "./deadline.ts";
import { ReachRefused } from "./reach.ts";

export type Fault = "unreachable" | "timeout" | "tls" | "too-large" | "redirect" | "refused" | "local";

const sentences: Readonly<Record<string, readonly [Fault, string]>> = {
  ECONNREFUSED: ["unreachable", "connection refused"],
  ECONNRESET: ["unreachable", "connection reset"],
  EPIPE: ["unreachable", "connection closed while sending"],
  EHOSTUNREACH: ["unreachable", "host unreachable"],
  ETIMEDOUT: ["timeout", "connection timed out"],
  UND_ERR_CONNECT_TIMEOUT: ["timeout", "connection timed out"],
  UND_ERR_SOCKET: ["unreachable", "connection closed before the answer was complete"],
  ENOTFOUND: ["unreachable", "the host name is unknown"],
  EAI_AGAIN: ["local", "this machine's name server did not answer"],
  ENETUNREACH: ["local", "this machine has no route to it"],
  EMFILE: ["local", "this machine has too many files open"],
  ENFILE: ["local", "this machine has too many files open"],
  EADDRNOTAVAIL: ["local", "this machine has no free port"],
  CERT_HAS_EXPIRED: ["tls", "the certificate has expired"],
  CERT_NOT_YET_VALID: ["tls", "the certificate is not valid yet"],
  DEPTH_ZERO_SELF_SIGNED_CERT: ["tls", "the certificate is self-signed"],
  SELF_SIGNED_CERT_IN_CHAIN: ["tls", "the certificate's issuer is not trusted here"],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ["tls", "the certificate's issuer is not trusted here"],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ["tls", "the certificate's issuer is not trusted here"],
  ERR_TLS_CERT_ALTNAME_INVALID: ["tls", "the certificate is for another host"],
};

export interface ConnectionFault {
  readonly fault: Fault;
  readonly reason: string;
}

export function connectionFault(thrown: unknown): ConnectionFault {
  if (thrown instanceof DeadlinePassed) return { fault: "timeout", reason: thrown.message };
  const refused = causesOf(thrown).find((cause) => cause instanceof ReachRefused);
  if (refused) return { fault: "refused", reason: refused.message };
  for (const cause of causesOf(thrown)) {
    const known = sentences[codeOf(cause)];
    if (known) return { fault: known[0], reason: `${known[1]} (${codeOf(cause)})` };
  }
  const code = codeOf(thrown);
  const message = thrown instanceof Error ? stripControl(thrown.message).slice(0, 200) : "unknown failure";
  return {
    fault: /^ERR_SSL|^ERR_TLS|CERT/.test(code) ? "tls" : "unreachable",
    reason: code ? `${message} (${code})` : message,
  };
}

/** The error, what it was made from, and what an attempt on several addresses ended with. */
function causesOf(thrown: unknown, depth = 0): readonly Error[] {
  if (!(thrown instanceof Error) || depth > 4) return [];
  const several = thrown instanceof AggregateError ? (thrown.errors as readonly unknown[]) : [];
  return [thrown, ...[...several, thrown.cause].flatMap((cause) => causesOf(cause, depth + 1))];
}

export const codeOf = (thrown: unknown): string =>
  thrown instanceof Error && "code" in thrown && typeof thrown.code === "string" ? thrown.code : "";
