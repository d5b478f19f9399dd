/**
 * N2: the log file as a channel. One JSON line per notification, on disk before it counts as taken. A repeat whose line is
 * still near the end of the file is not written again.
 */
import { constants } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { dirname } from "node:path";
import { SluiceError } from "../../domain/errors.ts";
import type { Notification } from "../../domain/notification.ts";
import { stripControl } from "../../domain/redactor.ts";
import type { Notifier } from "../../ports/notifier.ts";

export interface LogFileOptions {
  readonly file: string;
  /** Default: `log-file`. */
  readonly name?: string;
}

/** Repeats come within minutes of the first delivery; looking further back would cost more than a second line. */
const tailBytes = 65_536;

export function logFileNotifier({ file, name = "log-file" }: LogFileOptions): Notifier {
  return {
    kind: "log-file",
    name,
    async tell(notification, idempotencyKey, signal) {
      signal.throwIfAborted();
      const line = JSON.stringify(entryOf(notification, idempotencyKey));
      try {
        await mkdir(dirname(file), { recursive: true });
        await append(file, line, idempotencyKey);
      } catch (cause) {
        throw failed(name, file, cause);
      }
    },
  };
}

/** The key first, and the time as people read it; texts without what a terminal would obey. */
function entryOf(notification: Notification, key: string): Readonly<Record<string, unknown>> {
  const { report: _, ...facts } = notification;
  const clean = Object.entries(facts).map(([field, value]) => [
    field,
    typeof value === "string" ? stripControl(value) : value,
  ]);
  return { key, at: new Date(notification.atMs).toISOString(), ...Object.fromEntries(clean) };
}

async function append(file: string, line: string, key: string): Promise<void> {
  const flags = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
  await using handle = await open(file, flags, 0o600);
  const tail = await tailOf(handle);
  if (tail.split("\n").some((text) => keyIn(text) === key)) return;
  // A line that a crash cut short ends here, so that it cannot swallow this one. One write: lines of two processes never mix.
  await handle.appendFile(`${tail === "" || tail.endsWith("\n") ? "" : "\n"}${line}\n`);
  await handle.sync();
}

async function tailOf(handle: FileHandle): Promise<string> {
  const { size } = await handle.stat();
  const length = Math.min(size, tailBytes);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, size - length);
  return buffer.toString("utf8", 0, bytesRead);
}

function keyIn(line: string): unknown {
  try {
    return (JSON.parse(line) as { key?: unknown }).key;
  } catch {
    return undefined;
  }
}

const failed = (name: string, file: string, cause: unknown): SluiceError =>
  new SluiceError({
    code: "NOTIFICATION_FAILED",
    remedy: "retry",
    at: `notify.${name}`,
    message: `The notification could not be written to ${file} (${codeOf(cause)}).`,
    hint: "It is tried again. See that the folder exists, has room and may be written to, then try it: sluice notify test",
    cause,
  });

const codeOf = (cause: unknown): string =>
  cause instanceof Error && "code" in cause ? String(cause.code) : "unknown reason";
