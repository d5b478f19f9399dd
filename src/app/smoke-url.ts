/** W6: one address, asked as a client would, without any project around it. */
import { httpHealthCheck } from "../adapters/http/health-check.ts";
import type { CheckResult } from "../ports/check.ts";
import { machineClock } from "./clock.ts";

export interface UrlExpectation {
  readonly status: number;
  readonly contains: string | null;
  /** JSON path → value. */
  readonly json: Readonly<Record<string, string | number | boolean>>;
  readonly retries: number;
}

export function smokeUrl(
  url: string,
  { status, contains, json, retries }: UrlExpectation,
  signal: AbortSignal,
): Promise<CheckResult> {
  const check = httpHealthCheck({
    name: url,
    critical: true,
    clock: machineClock,
    url,
    expectStatus: status,
    expectBody: { json, ...(contains === null ? {} : { contains }) },
    timeoutMs: 10_000,
    retries,
    intervalMs: 2_000,
    overallMs: 300_000,
  });
  return check.probe(signal);
}
