/** H5: the certificate is trusted, for this host, valid now and for some days more. */
import { connect, type TLSSocket } from "node:tls";
import { fail, pass, type Verdict } from "../../domain/verdict.ts";
import type { Check, CheckResult } from "../../ports/check.ts";
import { connectionFault } from "./connection-fault.ts";
import { within } from "./deadline.ts";
import { defaultTimeoutMs, type HttpCheckOptions, resultOf, verdictOfSilence } from "./http-check.ts";
import { httpUrl, invalid } from "./http-url.ts";
import { guardedLookup, literalAddress } from "./reach.ts";
import { type TlsFacts, tlsFacts } from "./tls-facts.ts";

export interface TlsCheckOptions extends HttpCheckOptions {
  /** An https:// address; only host and port are used. */
  readonly url: string;
  /** Fewer days than this until the certificate expires fail. */
  readonly minDaysLeft: number;
}

const dayMs = 86_400_000;

export function tlsCheck(options: TlsCheckOptions): Check {
  const { name, critical, clock, minDaysLeft, timeoutMs = defaultTimeoutMs } = options;
  const url = httpUrl(options.url, name);
  if (url.protocol !== "https:") throw invalid(name, "a certificate needs an https:// address", "Correct the URL");
  const port = url.port || "443";
  const hint = `See the certificate: openssl s_client -connect ${url.hostname}:${port} </dev/null`;

  async function probe(signal: AbortSignal): Promise<CheckResult> {
    const startedAtMs = clock.now();
    const took = (): number => clock.now() - startedAtMs;
    try {
      const facts = await within(timeoutMs, clock, signal, (limited) => shownCertificate(url, options, limited));
      const verdict = verdictOf(facts, clock.now(), minDaysLeft);
      const seen = `${facts.subject}, ${daysLeft(facts, clock.now())} days left, by ${facts.issuer}, ${facts.protocol}`;
      return resultOf(name, { verdict, tookMs: took(), seen, hint });
    } catch (thrown) {
      signal.throwIfAborted();
      const silence = { kind: "no-answer", ...connectionFault(thrown), tookMs: took() } as const;
      return resultOf(name, { verdict: verdictOfSilence(silence), tookMs: silence.tookMs, seen: "", hint });
    }
  }
  return { name, critical, probe };
}

/** The check's own clock says how long the certificate is valid; the chain was verified by the connection. */
function verdictOf(facts: TlsFacts, nowMs: number, minDaysLeft: number): Verdict {
  const validTo = new Date(facts.validToMs).toISOString().slice(0, 10);
  if (nowMs >= facts.validToMs) return fail(`the certificate of ${facts.subject} expired on ${validTo}`);
  if (nowMs < facts.validFromMs) return fail(`the certificate of ${facts.subject} is not valid yet`);
  if (!facts.verified)
    return fail(connectionFault(Object.assign(new Error(facts.fault ?? ""), { code: facts.fault })).reason);
  const days = daysLeft(facts, nowMs);
  return days < minDaysLeft
    ? fail(`the certificate expires in ${days} days (${validTo}), at least ${minDaysLeft} wanted`)
    : pass;
}

const daysLeft = ({ validToMs }: TlsFacts, nowMs: number): number => Math.floor((validToMs - nowMs) / dayMs);

/** Connects without refusing, so that an untrusted or expired certificate can still be described. */
function shownCertificate(url: URL, { ca }: HttpCheckOptions, signal: AbortSignal): Promise<TlsFacts> {
  const literal = literalAddress(url.hostname);
  const host = literal ?? url.hostname;
  const { promise, resolve, reject } = Promise.withResolvers<TlsFacts>();
  const socket: TLSSocket = connect({
    host,
    port: Number(url.port || 443),
    // An address is no server name (RFC 6066); the certificate is checked against it all the same.
    ...(literal === undefined ? { servername: host } : {}),
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
    lookup: guardedLookup("anywhere"),
    rejectUnauthorized: false,
  });
  const abort = (): void => void socket.destroy(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  socket.once("error", reject);
  socket.once("close", () => reject(new Error("connection closed before a certificate was shown")));
  socket.once("secureConnect", () => {
    const facts = tlsFacts(socket);
    if (facts) resolve(facts);
    socket.destroy();
  });
  return promise.finally(() => signal.removeEventListener("abort", abort));
}
