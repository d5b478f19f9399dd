/**
 * B3 Z3: a dump restored into a scratch database of the same server, which is gone afterwards, and there compared with what
 * the dump says. Its events are switched off, so that nothing runs in it.
 */
import { randomBytes } from "node:crypto";
import type { ProofCheck } from "../../domain/backup.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { DatabaseFacts, Rehearsal, RehearsalRequest } from "../../ports/database.ts";
import { readingDifference } from "../reading-difference.ts";
import { outputOf } from "../tool-output.ts";
import { type Connection, placeOf } from "./connection.ts";
import { type DumpOptions, dumpArguments } from "./dump.ts";
import { factsOf } from "./facts.ts";
import {
  createEmpty,
  dropDatabase,
  feed,
  type NewPlace,
  requireFormat,
  restoreFailed,
  withoutHalfMade,
} from "./restore.ts";
import { readScript } from "./script.ts";

export async function rehearseRestore(
  connection: Connection,
  options: DumpOptions,
  request: RehearsalRequest,
  signal: AbortSignal,
): Promise<Rehearsal> {
  requireFormat(connection, request.format);
  const name = `sluice_rehearsal_${randomBytes(6).toString("hex")}`;
  signal.throwIfAborted();
  try {
    const place = await createEmpty(connection, options, name, "unlogged where allowed");
    const rehearsal = await inScratch(connection, place, request, signal);
    await dropDatabase(connection, place);
    return rehearsal;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SluiceError) || error.failure.code !== "RESTORE_FAILED") throw error;
    throw new SluiceError({ ...error.failure, code: "BACKUP_UNVERIFIED", hint: hintFor(error), cause: error });
  }
}

/** A view or routine of another account: the client's own words name the right that is missing. */
const hintFor = ({ failure }: SluiceError): string =>
  /ERROR (?:1227|1044|1142) /.test(failure.evidence ?? "")
    ? "The account may not do in a scratch database what the dump does: give it the right that the evidence names, then: sluice backup create"
    : "Do not rely on this backup. Correct the cause, then take a new one: sluice backup create";

async function inScratch(
  connection: Connection,
  place: NewPlace,
  request: RehearsalRequest,
  signal: AbortSignal,
): Promise<Rehearsal> {
  const { level } = request;
  try {
    const restored = await timed("restored", async () => {
      await feed(connection, place, request.bytes, signal);
      const log = place.logged ? "" : ", out of the binary log";
      return `into a scratch database of ${placeOf(connection)}, every error fatal, events switched off${log}`;
    });
    let facts: DatabaseFacts | undefined;
    const counted = await timed(level === "equal" ? "rows counted and hashed" : "rows counted", async () => {
      facts = await factsOf(connection, place.name, signal, level === "equal" ? "hash" : "count");
      return `${facts.tables.length} tables`;
    });
    const equal = level === "equal" ? [await compared(connection, place, request, signal)] : [];
    return { facts: facts as DatabaseFacts, checks: [restored, counted, ...equal] };
  } catch (error) {
    throw await withoutHalfMade(connection, place, error);
  }
}

/** The dump's own text against a second dump, of the scratch database: tables, rows, views, routines, triggers, events. */
const compared = (
  connection: Connection,
  { name, tools }: NewPlace,
  { reading }: RehearsalRequest,
  signal: AbortSignal,
): Promise<ProofCheck> =>
  timed("dumped again and compared", async () => {
    const sql = outputOf({
      argv: [tools.dump, ...dumpArguments(connection, tools), "--", name],
      env: connection.environment,
      signal,
      fault: (how, evidence) => restoreFailed(connection, name, `dumping it again ended with ${how}`, evidence),
    });
    const difference = readingDifference(reading, (await readScript(sql)).reading);
    if (difference !== undefined) throw restoreFailed(connection, name, `it is not what was dumped: ${difference}`);
    return "schema, rows, views, routines, triggers and events";
  });

async function timed(check: string, work: () => Promise<string>): Promise<ProofCheck> {
  const startedAt = performance.now();
  const detail = await work();
  return { check, outcome: "passed", detail, tookMs: Math.round(performance.now() - startedAt) };
}
