/** H7: what checks found, each with its time, its reason and what to do. */
import type { CheckResult } from "../../app/model.ts";
import { humanDuration } from "../../domain/duration.ts";
import { stripControl } from "../../domain/redactor.ts";
import { paint } from "../output.ts";
import { hanging, padEnd, widthOf } from "./text.ts";
import { glyph } from "./words.ts";

export function checkLines(results: readonly CheckResult[], columns: number): readonly string[] {
  const width = Math.max(0, ...results.map(({ name }) => widthOf(name)));
  return results.flatMap(({ name, verdict, detail, tookMs, hint }) => {
    const tone = verdict.kind === "pass" ? "ok" : verdict.kind === "fail" ? "bad" : "warn";
    const seen = verdict.kind === "unknown" ? `unknown: ${detail}` : detail;
    const line = hanging(
      `  ${glyph(tone)} ${padEnd(stripControl(name), width)}  `,
      `${stripControl(seen)} ${paint.dim(`(${humanDuration(tookMs)})`)}`,
      columns,
    );
    const fix =
      verdict.kind === "pass" || !hint
        ? []
        : hanging(`${" ".repeat(width + 6)}${paint.dim("→ ")}`, stripControl(hint), columns);
    return [...line, ...fix];
  });
}
