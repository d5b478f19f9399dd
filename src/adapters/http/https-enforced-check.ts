/** H5: whoever comes over plain HTTP is sent on to HTTPS on the same host. */
import { excerpt } from "../../domain/untrusted-text.ts";
import { fail, pass, type Verdict } from "../../domain/verdict.ts";
import type { Check } from "../../ports/check.ts";
import {
  clientOf,
  defaultTimeoutMs,
  type HttpCheckOptions,
  resultOf,
  tryByHand,
  verdictOfSilence,
} from "./http-check.ts";
import type { HttpAnswer } from "./http-client.ts";
import { httpUrl, shownUrl } from "./http-url.ts";

export interface HttpsEnforcedCheckOptions extends HttpCheckOptions {
  /** An http:// address; of an https:// one the same path on port 80. */
  readonly url: string;
}

export function httpsEnforcedCheck(options: HttpsEnforcedCheckOptions): Check {
  const { name, critical, allowedHosts = [], redact, timeoutMs = defaultTimeoutMs } = options;
  const url = plain(httpUrl(options.url, name));
  const client = clientOf(options);
  return {
    name,
    critical,
    async probe(signal) {
      const answer = await client.ask({ url, timeoutMs }, signal);
      const { tookMs } = answer;
      const verdict =
        answer.kind === "answer"
          ? verdictOf(answer, [url.hostname, ...allowedHosts], redact)
          : verdictOfSilence(answer);
      return resultOf(name, { verdict, tookMs, seen: `${shownUrl(url)} leads to HTTPS`, hint: tryByHand(url) });
    },
  };
}

function plain(url: URL): URL {
  if (url.protocol === "http:") return url;
  const http = new URL(url);
  http.port = "";
  http.protocol = "http:";
  return http;
}

function verdictOf(
  { status, headers, url }: HttpAnswer,
  hosts: readonly string[],
  redact?: (text: string) => string,
): Verdict {
  const location = headers.location;
  if (status < 300 || status > 399 || location === undefined)
    return fail(`answered ${status} over plain HTTP instead of leading to HTTPS`);
  const to = URL.canParse(location, url.href) ? new URL(location, url) : undefined;
  const shown = excerpt(location, 100, redact);
  if (to?.protocol !== "https:") return fail(`leads to ${shown}, which is not HTTPS`);
  return hosts.includes(to.hostname) || hosts.includes(to.host) ? pass : fail(`leads to another host: ${shown}`);
}
