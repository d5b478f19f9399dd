/**
 * A server's counters from `show stat` and the process they belong to from `show info`. Total: answers of every class, and
 * requests that ended without one (`econ`: the connection failed; `eresp`: no or half an answer). Like the built-in router
 * it counts a request when it ended; `stot` would count it when it began, and an event could come before its total.
 */
import type { CounterSample } from "../../domain/metric-counters.ts";

export interface ServerCounters {
  readonly backend: string;
  readonly server: string;
  /** [events, total]. */
  readonly sample: Omit<CounterSample, "atMs">;
}

export type Statistics =
  | { readonly kind: "servers"; readonly servers: readonly ServerCounters[] }
  | { readonly kind: "fault"; readonly reason: string };

const answered = ["hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx", "hrsp_other"] as const;
const unanswered = ["econ", "eresp"] as const;

export const statisticsCommand = "show info;show stat";

/** After a reload another process counts from zero: its pid is the samples' origin. */
export function statisticsOf(text: string): Statistics {
  const at = text.indexOf("# pxname,");
  if (at < 0) return { kind: "fault", reason: "its answer has no statistics" };
  const pid = /^Pid: (\d+)\s*$/m.exec(text.slice(0, at))?.[1];
  if (pid === undefined) return { kind: "fault", reason: "its answer does not name its process" };
  const [header = "", ...lines] = text.slice(at + 2).split("\n");
  const columns = header.split(",");
  const lacking = [...answered, ...unanswered].find((column) => !columns.includes(column));
  if (lacking) return { kind: "fault", reason: `its statistics have no ${lacking}` };
  const rows = lines.filter((line) => line.trim() !== "").map((line) => rowOf(columns, line));
  return {
    kind: "servers",
    servers: rows.filter((row) => row.get("type") === serverType).map((row) => countersOf(row, pid)),
  };
}

const serverType = "2";

/** Names hold no comma or quote in HAProxy; a quoted text (the last check's words) stands behind the counters. */
const rowOf = (columns: readonly string[], line: string): ReadonlyMap<string, string> => {
  const fields = line.match(/"(?:[^"]|"")*"|[^,]+|(?<=^|,)(?=,|$)/g) ?? [];
  return new Map(columns.map((column, at) => [column, fields[at] ?? ""]));
};

/** Empty fields are what does not apply: a server of a backend in TCP mode has no answers, and its counts are no numbers. */
function countersOf(row: ReadonlyMap<string, string>, origin: string): ServerCounters {
  const value = (column: string): number => Number.parseInt(row.get(column) ?? "", 10);
  const failed = value("hrsp_5xx") + unanswered.reduce((sum, column) => sum + value(column), 0);
  const total = [...answered, ...unanswered].reduce((sum, column) => sum + value(column), 0);
  const sample = { values: [failed, total], origin };
  return {
    backend: row.get("pxname") ?? "",
    server: row.get("svname") ?? "",
    sample: Number.isNaN(total) ? { ...sample, fault: "it has no HTTP counters (mode tcp?)" } : sample,
  };
}
