/**
 * B3 Z3: a dump restored into a scratch database of the same server, which is gone afterwards, and there compared with what
 * the dump says. Production is read once, for the dump; everything else happens in the copy.
 */
import { randomBytes } from "node:crypto";
import type { ProofCheck } from "../../domain/backup.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { DatabaseFacts, Rehearsal, RehearsalRequest } from "../../ports/database.ts";
import { readingDifference } from "../reading-difference.ts";
import { runCommand } from "../run-command.ts";
import { outputOf } from "../tool-output.ts";
import { type Archive, restoreArchive } from "./archive.ts";
import { type Connection, openSession } from "./connection.ts";
import { type DumpOptions, serverMajor } from "./dump.ts";
import { factsOf } from "./facts.ts";
import type { Packing } from "./packing.ts";
import { ownership, readingOf } from "./rendering.ts";
import { createEmpty, dropDatabase, requireFormat, restoreFailed, withoutHalfMade } from "./restore.ts";
import { type Tools, toolsFor } from "./tools.ts";

interface Scratch {
  readonly connection: Connection;
  readonly options: DumpOptions;
  readonly name: string;
  readonly tools: Tools;
  /** Only a superuser can give things to other roles; without it owners are neither restored nor compared. */
  readonly withOwners: boolean;
  readonly signal: AbortSignal;
}

export async function rehearseRestore(
  connection: Connection,
  options: DumpOptions,
  request: RehearsalRequest,
  signal: AbortSignal,
): Promise<Rehearsal> {
  const packing = requireFormat(connection, request.format);
  const name = `sluice_rehearsal_${randomBytes(6).toString("hex")}`;
  signal.throwIfAborted();
  try {
    await createEmpty(connection, name);
    const rehearsal = await inScratch(connection, options, name, { ...request, packing }, signal);
    await dropDatabase(connection, name);
    return rehearsal;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof SluiceError) || error.failure.code !== "RESTORE_FAILED") throw error;
    throw new SluiceError({ ...error.failure, code: "BACKUP_UNVERIFIED", hint: hintFor(error), cause: error });
  }
}

/** pg_restore names the role in its own words; a person then knows at once what is missing. */
function hintFor({ failure }: SluiceError): string {
  const role = /role "([^"]+)" does not exist/.exec(failure.evidence ?? "")?.[1];
  if (role === undefined)
    return "Do not rely on this backup. Correct the cause, then take a new one: sluice backup create";
  return `The dump gives rights to the role ${role}, which this server does not have. Create it (CREATE ROLE), then: sluice backup create`;
}

async function inScratch(
  connection: Connection,
  options: DumpOptions,
  name: string,
  request: RehearsalRequest & { readonly packing: Packing },
  signal: AbortSignal,
): Promise<Rehearsal> {
  try {
    const scratch: Scratch = { connection, options, name, signal, ...(await abilities(connection, options, signal)) };
    const restored = await timed(async () => {
      await restoreInto(scratch, request.packing, request.bytes);
      return `into a scratch database of ${connection.host || "the local socket"}, every error fatal`;
    }, "restored");
    let facts: DatabaseFacts | undefined;
    const counted = await timed(
      async () => {
        facts = await factsOf(connection, name, options, signal, request.level === "equal" ? "hash" : "count");
        return `${facts.tables.length} tables`;
      },
      request.level === "equal" ? "rows counted and hashed" : "rows counted",
    );
    const equal = request.level === "equal" ? await comparisons(scratch, request) : [];
    return { facts: facts as DatabaseFacts, checks: [restored, counted, ...equal] };
  } catch (error) {
    throw await withoutHalfMade(connection, name, error);
  }
}

async function abilities(
  connection: Connection,
  options: DumpOptions,
  signal: AbortSignal,
): Promise<Pick<Scratch, "tools" | "withOwners">> {
  const session = await openSession(connection, connection.database, signal);
  try {
    const tools = await toolsFor(await serverMajor(session), options.binFolder, signal);
    const [user] = await session.query<{ super: boolean }>(
      "SELECT rolsuper AS super FROM pg_roles WHERE rolname = current_user",
    );
    return { tools, withOwners: user?.super ?? false };
  } finally {
    await session.end();
  }
}

async function restoreInto(scratch: Scratch, packing: Packing, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const { connection, name, options, tools, withOwners, signal } = scratch;
  const fault: Archive["fault"] = (reason, evidence) => restoreFailed(connection, name, reason, evidence);
  const archive = { packing, bytes, tools, parallel: options.parallel, fault };
  // A subscription restored into the scratch would begin to fetch from its publisher.
  const words = ["--no-subscriptions", ...(withOwners ? [] : ["--no-owner"]), `--dbname=${name}`];
  await restoreArchive(connection, archive, words, signal);
}

async function comparisons(scratch: Scratch, request: RehearsalRequest): Promise<readonly ProofCheck[]> {
  const { connection, name, tools, withOwners, signal } = scratch;
  const compared = await timed(async () => {
    const sql = outputOf({
      argv: [tools.pgDump, "--format=plain", "--no-subscriptions", "--no-password"],
      env: connection.environmentOf(name),
      signal,
      fault: (how, evidence) => restoreFailed(connection, name, `dumping it again ended with ${how}`, evidence),
    });
    const difference = readingDifference(request.reading, await readingOf(sql), withOwners ? undefined : ownership);
    if (difference !== undefined) throw restoreFailed(connection, name, `it is not what was dumped: ${difference}`);
    return `schema, rows and large objects${withOwners ? "" : ", not owners: the user is no superuser"}`;
  }, "dumped again and compared");
  return [compared, await indexesChecked(scratch)];
}

/** The heap and every index entry; looks for what a dump cannot show, in the copy, whose indexes were built a moment ago. */
async function indexesChecked({ connection, name, tools, withOwners, signal }: Scratch): Promise<ProofCheck> {
  const check = "amcheck";
  const unavailable = (detail: string): ProofCheck => ({ check, outcome: "unavailable", detail, tookMs: 0 });
  if (!withOwners) return unavailable("it needs a superuser");
  const argv = [tools.pgAmcheck, "--heapallindexed", "--install-missing", "--no-password", `--database=${name}`];
  const env = connection.environmentOf(name);
  const result = await runCommand({ argv, env, signal }).catch((error: unknown) => {
    signal.throwIfAborted();
    return error instanceof SluiceError ? error : Promise.reject(error);
  });
  if (result instanceof SluiceError) return unavailable("pg_amcheck is not installed");
  const words = `${result.stdoutTail}\n${result.stderrTail}`.trim();
  if (result.exitCode === 0) {
    return { check, outcome: "passed", detail: "heap and indexes agree", tookMs: result.tookMs };
  }
  // Exit code 2: it ran and found something; any other: it could not.
  if (result.exitCode === 2) throw restoreFailed(connection, name, "amcheck found damage in it", words);
  return unavailable(words.split("\n").at(-1) ?? "pg_amcheck failed");
}

async function timed(work: () => Promise<string>, check: string): Promise<ProofCheck> {
  const startedAt = performance.now();
  const detail = await work();
  return { check, outcome: "passed", detail, tookMs: Math.round(performance.now() - startedAt) };
}
