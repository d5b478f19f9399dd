/** `sluice smoke https://…`: one address, in a workflow that knows nothing of Sluice. Needs no project and writes nothing. */
import { smokeUrl } from "../../app/smoke-url.ts";
import { exitCodes } from "../../domain/outcome.ts";
import { checkLines } from "../render/check-lines.ts";
import type { Session } from "../session.ts";
import { usage, wholeNumber } from "../usage.ts";

export interface SmokeOptions {
  readonly release?: string;
  readonly status?: string;
  readonly contains?: string;
  readonly expect?: readonly string[];
  readonly retries?: string;
}

export async function smokeUrlCommand(
  { output, interrupted }: Session,
  url: string,
  options: SmokeOptions,
): Promise<number> {
  const result = await smokeUrl(
    url,
    {
      status: wholeNumber(options.status ?? "200", "--status", { min: 100, max: 599 }),
      contains: options.contains ?? null,
      json: Object.fromEntries((options.expect ?? []).map(expectation)),
      retries: wholeNumber(options.retries ?? "0", "--retries", { min: 0, max: 1_000 }),
    },
    interrupted,
  );
  output.result({ url, result }, checkLines([result], output.resultColumns()).join("\n"));
  const passed = result.verdict.kind === "pass";
  output.next(passed ? "sluice init" : `sluice smoke ${url} --retries 5`);
  return passed ? exitCodes.succeeded : exitCodes.failed;
}

/** `version=v1.2.0`: a number or a boolean is compared as such. */
function expectation(text: string): readonly [string, string | number | boolean] {
  const at = text.indexOf("=");
  if (at < 1)
    throw usage(`--expect takes path=value, not ${JSON.stringify(text)}.`, "For example: --expect version=v1.2.0");
  const value = text.slice(at + 1);
  if (value === "true" || value === "false") return [text.slice(0, at), value === "true"];
  return [text.slice(0, at), /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value];
}
