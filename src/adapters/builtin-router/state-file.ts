/**
 * What the router must not forget: routes, splits, fences, deadlines, and what people did by hand. One JSON file,
 * replaced as a whole and flushed to disk before a command is acknowledged, so it is never torn and never behind.
 */
import { mkdir, open, readFile, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { SluiceError } from "../../domain/errors.ts";
import { AttemptShape, RoutingShape, SplitShape } from "./protocol.ts";

const RouteState = z.strictObject({
  host: z.string(),
  port: z.int(),
  split: SplitShape,
  /** Absent where the weights alone decide. */
  routing: RoutingShape.optional(),
  fence: AttemptShape.nullable(),
  unattended: z.strictObject({ fallback: z.string(), afterMs: z.number(), deadlineMs: z.number() }).nullable(),
  revertedUnattended: z.boolean(),
});
export type RouteState = z.output<typeof RouteState>;

const RouterState = z.strictObject({
  format: z.literal(1),
  routes: z.record(z.string(), RouteState),
  log: z.array(z.strictObject({ atMs: z.number(), route: z.string(), what: z.string(), reason: z.string() })),
});
export type RouterState = z.output<typeof RouterState>;

const emptyState: RouterState = { format: 1, routes: {}, log: [] };

const statePath = (folder: string): string => join(folder, "state.json");

/** STATE_UNWRITABLE when the file is there but not ours to understand: guessing a split could cost an outage. */
export async function loadState(folder: string): Promise<RouterState> {
  const text = await readFile(statePath(folder), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return emptyState;
  try {
    return RouterState.parse(JSON.parse(text));
  } catch (cause) {
    throw new SluiceError({
      code: "STATE_UNWRITABLE",
      remedy: "operator",
      at: "builtin-router.state",
      message: `The router's state in ${statePath(folder)} is not readable as state of format 1.`,
      hint: `Keep it for analysis and let the next deployment set the routes again: mv ${statePath(folder)} ${statePath(folder)}.broken`,
      cause,
    });
  }
}

/** Atomic and durable: a crash leaves the file as it was or as it shall be. */
export async function saveState(folder: string, state: RouterState): Promise<void> {
  try {
    await replaceFile(statePath(folder), `${JSON.stringify(state, undefined, 2)}\n`);
  } catch (cause) {
    throw new SluiceError({
      code: "STATE_UNWRITABLE",
      remedy: "operator",
      at: "builtin-router.state",
      message: `The router cannot write ${statePath(folder)}; nothing was changed.`,
      hint: `Free space or give it back its folder. Look: df -h ${folder}`,
      cause,
    });
  }
}

export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.next`;
  await mkdir(dirname(path), { recursive: true });
  await flushed(temporary, "w", (file) => file.writeFile(text));
  await rename(temporary, path);
  await flushed(dirname(path), "r", async () => undefined);
}

type FileHandle = Awaited<ReturnType<typeof open>>;

async function flushed(path: string, flags: string, work: (file: FileHandle) => Promise<void>): Promise<void> {
  const file = await open(path, flags, 0o600);
  try {
    await work(file);
    await file.sync();
  } finally {
    await file.close();
  }
}
