/**
 * At most one router per state folder, however many start at once. The lock is a file made by `link`, which fails if it
 * exists; a holder that died is recognised by its process id, and one whose id was reused after a reboot by not answering.
 */
import { link, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { Clock } from "../../ports/clock.ts";
import { answers, isAlive } from "./control-client.ts";
import { readRecord } from "./run-time.ts";

/** A holder may be starting: it gets this long until it must answer. */
const startingMs = 10_000;

const Holder = z.object({ pid: z.int().min(1), sinceMs: z.number() });
type Holder = z.output<typeof Holder>;

/** True: this process is the folder's router from now on. False: another one is, or is about to be. */
export async function holdInstance(folder: string, clock: Clock): Promise<boolean> {
  const lock = join(folder, "router.lock");
  const mine = `${lock}.${process.pid}`;
  await writeFile(mine, JSON.stringify({ pid: process.pid, sinceMs: clock.now() }));
  try {
    for (let tries = 0; tries < 5; tries++) {
      if (await linked(mine, lock)) return true;
      const holder = await read(lock);
      if (holder !== undefined && (await lives(folder, holder, clock))) return false;
      await setAside(lock, holder);
    }
    return false;
  } finally {
    await rm(mine, { force: true });
  }
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function read(path: string): Promise<Holder | undefined> {
  try {
    return Holder.parse(JSON.parse(await readFile(path, "utf8")));
  } catch {
    return undefined;
  }
}

async function lives(folder: string, holder: Holder, clock: Clock): Promise<boolean> {
  if (holder.pid === process.pid || !(await isAlive(holder.pid))) return false;
  if (clock.now() - holder.sinceMs < startingMs) return true;
  const record = await readRecord(folder);
  return record?.pid === holder.pid && (await answers(record, clock));
}

/** Removes a dead holder's lock. Should another process have replaced it meanwhile, that one is put back. */
async function setAside(lock: string, dead: Holder | undefined): Promise<void> {
  const aside = `${lock}.dead.${process.pid}`;
  try {
    await rename(lock, aside);
  } catch {
    return;
  }
  const taken = await read(aside);
  if (taken?.pid !== dead?.pid || taken?.sinceMs !== dead?.sinceMs) await linked(aside, lock);
  await rm(aside, { force: true });
}
