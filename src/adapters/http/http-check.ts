/** What all checks over HTTP share: their options, and how an answer becomes a result. */
import { fail, unknown, type Verdict } from "../../domain/verdict.ts";
import type { CheckResult } from "../../ports/check.ts";
import type { Clock } from "../../ports/clock.ts";
import { type HttpClient, type HttpSilence, httpClient } from "./http-client.ts";

export interface HttpCheckOptions {
  readonly name: string;
  readonly critical: boolean;
  readonly clock: Clock;
  /** For one request. Default 10 s (H1). */
  readonly timeoutMs?: number;
  /** Certificates (PEM) of a private CA. */
  readonly ca?: string | readonly string[];
  /** Hosts that redirects may lead to besides the asked one, `name` or `name:port`. */
  readonly allowedHosts?: readonly string[];
  /** Takes secrets out of what others wrote before it is shown: `redactor(secrets).text`. */
  readonly redact?: (text: string) => string;
}

export const defaultTimeoutMs = 10_000;

export const clientOf = ({ clock, ca, allowedHosts }: HttpCheckOptions): HttpClient =>
  httpClient({ clock, ...(ca === undefined ? {} : { ca }), ...(allowedHosts === undefined ? {} : { allowedHosts }) });

/** No answer fails; a request that this machine could not send says nothing about the site and is unknown. */
export const verdictOfSilence = ({ fault, reason }: HttpSilence): Verdict =>
  fault === "local" ? unknown(reason) : fail(reason);

export interface Finding {
  readonly verdict: Verdict;
  readonly tookMs: number;
  /** What was seen where the verdict is pass; a non-pass shows its reason. */
  readonly seen: string;
  readonly hint?: string;
}

export function resultOf(name: string, { verdict, tookMs, seen, hint }: Finding): CheckResult {
  const shown = { name, verdict, tookMs, detail: verdict.kind === "pass" ? seen : verdict.reason };
  return hint === undefined || verdict.kind === "pass" ? shown : { ...shown, hint };
}

export const inMs = (ms: number): string => `${Math.round(ms)} ms`;

/** A command that shows a person what the check saw. Single quotes inside a URL are percent-encoded by the URL itself. */
export const tryByHand = (url: URL): string => `See for yourself: curl -sv '${url.origin}${url.pathname}'`;
