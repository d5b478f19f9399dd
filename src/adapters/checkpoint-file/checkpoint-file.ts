/**
 * Z4: checkpoints as lines of a file, by default beside the records, best on another disk or where lines can only be added.
 * One JSON object per line: `{ "at", "checkpoint", "signature" }`.
 */
import { constants } from "node:fs";
import { mkdir, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Checkpoint, checkpointText } from "../../domain/audit.ts";
import { SluiceError } from "../../domain/errors.ts";
import type { CheckpointSignature, Checkpoints, KeptCheckpoint, KeptCheckpoints } from "../../ports/checkpoints.ts";
import { checkSignature, signText } from "./signature.ts";

export interface CheckpointFileOptions {
  /** Absolute; made with its folder when something is first written. */
  readonly file: string;
  /** SSH private key, or a public one whose private half is in the agent. Null: lines are not signed. */
  readonly keyFile: string | null;
  /** Whose signatures are trusted, in OpenSSH's allowed_signers format. Null: nobody said. */
  readonly allowedSigners: string | null;
}

interface ReadLine {
  readonly checkpoint: Checkpoint;
  readonly signature: string | null;
  readonly line: number;
}

export function checkpointFile({ file, keyFile, allowedSigners }: CheckpointFileOptions): Checkpoints {
  return {
    location: file,
    async append(checkpoint, signal) {
      signal.throwIfAborted();
      const signature = keyFile === null ? null : await signText(checkpointText(checkpoint), keyFile, signal);
      const line = { at: new Date(checkpoint.atMs).toISOString(), checkpoint: plain(checkpoint), signature };
      try {
        await mkdir(dirname(file), { recursive: true });
        await appendLine(file, JSON.stringify(line));
      } catch (cause) {
        throw unwritable(file, cause);
      }
    },
    async list(signal) {
      const { lines, unreadable } = parse(await textOf(file));
      return { checkpoints: await withSignatures(lines, allowedSigners, signal), unreadable };
    },
  };
}

/** The same keys in the same order as in the text that is signed. */
const plain = (checkpoint: Checkpoint): unknown => JSON.parse(checkpointText(checkpoint));

async function appendLine(file: string, line: string): Promise<void> {
  await using handle = await open(file, constants.O_RDWR | constants.O_APPEND | constants.O_CREAT, 0o644);
  const { size } = await handle.stat();
  const end = size === 0 ? "\n" : (await handle.read(Buffer.alloc(1), 0, 1, size - 1)).buffer.toString();
  // A line that a crash cut short ends here. One write: lines of two processes never mix.
  await handle.appendFile(`${end === "\n" ? "" : "\n"}${line}\n`);
  await handle.sync();
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ENOENT") return "";
    throw new SluiceError({
      code: "STATE_UNWRITABLE",
      remedy: "operator",
      at: "audit.checkpoints",
      message: `The checkpoints in ${file} cannot be read (${codeOf(cause)}).`,
      hint: "See whose file it is and who may read it. Then: sluice audit verify",
      cause,
    });
  }
}

function parse(text: string): { readonly lines: readonly ReadLine[]; readonly unreadable: readonly number[] } {
  const lines: ReadLine[] = [];
  const unreadable: number[] = [];
  for (const [index, written] of text.split("\n").entries()) {
    if (written.trim() === "") continue;
    const read = parseLine(written, index + 1);
    if (read) lines.push(read);
    else unreadable.push(index + 1);
  }
  return { lines, unreadable };
}

function parseLine(text: string, line: number): ReadLine | undefined {
  try {
    const { checkpoint, signature } = JSON.parse(text) as { checkpoint?: unknown; signature?: unknown };
    if (!isCheckpoint(checkpoint)) return undefined;
    return { checkpoint, signature: typeof signature === "string" ? signature : null, line };
  } catch {
    return undefined;
  }
}

function isCheckpoint(value: unknown): value is Checkpoint {
  if (typeof value !== "object" || value === null) return false;
  const { ledgerId, chain, seq, hash, atMs } = value as Partial<Checkpoint>;
  const named = chain?.kind === "deployment" || chain?.kind === "environment";
  const counted = Number.isSafeInteger(seq) && Number(seq) >= 0;
  const timed = Number.isSafeInteger(atMs) && Math.abs(Number(atMs)) <= 8.64e15;
  return typeof ledgerId === "string" && named && typeof chain.id === "string" && counted && isHash(hash) && timed;
}

const isHash = (value: unknown): boolean => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);

/** Signatures that are checked at the same time: each is a process. */
const lanes = 4;

async function withSignatures(
  lines: readonly ReadLine[],
  allowedSigners: string | null,
  signal: AbortSignal,
): Promise<KeptCheckpoints["checkpoints"]> {
  if (lines.every(({ signature }) => signature === null)) {
    return lines.map(({ checkpoint, line }) => ({ checkpoint, line, signature: { kind: "none" } }));
  }
  const folder = await mkdtemp(join(tmpdir(), "sluice-checkpoints-"));
  const allowed = allowedSigners === null ? null : join(folder, "allowed_signers");
  try {
    if (allowed !== null) await writeFile(allowed, `${allowedSigners?.trimEnd()}\n`, { mode: 0o600 });
    const checked: KeptCheckpoint[] = [];
    const waiting = lines[Symbol.iterator]();
    const lane = async () => {
      for (const { checkpoint, line, signature: text } of waiting) {
        const signed = text === null ? undefined : { text: checkpointText(checkpoint), signature: text };
        const place = { folder, name: String(line), allowed };
        const signature: CheckpointSignature = signed ? await checkSignature(signed, place, signal) : { kind: "none" };
        checked.push({ checkpoint, line, signature });
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    return checked.sort((a, b) => a.line - b.line);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const unwritable = (file: string, cause: unknown): SluiceError =>
  new SluiceError({
    code: codeOf(cause) === "ENOSPC" ? "DISK_FULL" : "STATE_UNWRITABLE",
    remedy: "operator",
    at: "audit.checkpoints",
    message: `The checkpoint could not be written to ${file} (${codeOf(cause)}).`,
    hint: "See that its folder exists, has room and may be written to. What the ledger holds: sluice audit verify",
    cause,
  });

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
