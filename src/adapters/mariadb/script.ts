/**
 * The SQL text that the dump tool writes, read as bytes in one pass with bounded memory: rows go into a digest for each table,
 * statements are kept, so that a difference can be shown. Its strings have no line ends in them, so a row is never taken for
 * a statement.
 */
import { createHash, type Hash } from "node:crypto";
import type { Reading } from "../../ports/database.ts";

const newline = 0x0a;
const rowsBegin = /^INSERT (?:IGNORE )?INTO `((?:[^`]|``)+)` /;
/** Longer than any beginning of an INSERT: table and columns have names of 64 characters at most, and their list may be long. */
const headBytes = 4_096;
/** Comments of the tool, and what tells one run from another: the host, the database's name, versions. */
const volatile = /^(?:--$|-- |\/\*M!999999|$)/;
const endMark = /^-- Dump completed/;
const lastLine = /(?:^|\n)-- Dump completed[^\n]*\n*$/;

/** As much of a script's end as holds its last line. */
export const tailBytes = 256;
/** A tool that was cut off may still have ended with exit code 0; its last line says that it got to the end. */
export const endsWhole = (tail: Buffer): boolean => lastLine.test(tail.toString("latin1"));

export interface Script {
  readonly reading: Reading;
  /** The tool's last line is there. */
  readonly complete: boolean;
}

export async function readScript(sql: AsyncIterable<Uint8Array>): Promise<Script> {
  const reader = new ScriptReader();
  for await (const chunk of sql) reader.take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  return reader.end();
}

class ScriptReader {
  readonly #schema: string[] = [];
  readonly #hashes = new Map<string, Hash>();
  #rest: Buffer = Buffer.alloc(0);
  /** Set while rows of a table go by, until the line that ends its statement. */
  #rows: Hash | undefined;
  #lastByte = 0;
  /** Inside the body of a routine, trigger or event, where an INSERT is text. */
  #inBody = false;
  #complete = false;

  take(chunk: Buffer): void {
    let left = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const used = this.#rows ? this.#takeRows(left) : this.#takeLine(left);
      if (used === 0) break;
      left = left.subarray(used);
    }
    // A copy: what is left over must not hold the whole chunk.
    this.#rest = Buffer.from(left);
  }

  end(): Script {
    if (this.#rest.length > 0) this.#line(this.#rest.toString("utf8"));
    const parts = [...this.#hashes].map(([name, hash]) => [name, hash.digest("hex")] as const);
    return { reading: { parts: new Map(parts), schema: this.#schema }, complete: this.#complete };
  }

  /** A statement of rows ends with `;` at the end of a line. */
  #takeRows(bytes: Buffer): number {
    if (bytes.length === 0) return 0;
    const end = bytes.indexOf(newline);
    const used = end < 0 ? bytes.length : end + 1;
    const last = end > 0 ? bytes[end - 1] : end === 0 ? this.#lastByte : undefined;
    this.#rows?.update(bytes.subarray(0, used));
    this.#lastByte = bytes[used - 1] ?? 0;
    if (last === 0x3b) this.#rows = undefined;
    return used;
  }

  #takeLine(bytes: Buffer): number {
    const end = bytes.indexOf(newline);
    if (end < 0 && bytes.length < headBytes) return 0;
    const head = this.#inBody ? null : rowsBegin.exec(bytes.toString("utf8", 0, Math.min(bytes.length, headBytes)));
    if (head !== null) {
      this.#rows = this.#hash((head[1] ?? "").replaceAll("``", "`"));
      return this.#takeRows(bytes);
    }
    if (end < 0) return 0;
    this.#line(bytes.toString("utf8", 0, end));
    return end + 1;
  }

  #line(line: string): void {
    if (line.startsWith("DELIMITER ")) this.#inBody = line !== "DELIMITER ;";
    if (!this.#inBody && volatile.test(line)) this.#complete = endMark.test(line) || (this.#complete && line === "");
    else this.#schema.push(asDisabled(line));
  }

  #hash(part: string): Hash {
    const known = this.#hashes.get(part);
    if (known) return known;
    const hash = createHash("sha256");
    this.#hashes.set(part, hash);
    return hash;
  }
}

const eventBegins = "/*!50106 CREATE*/ ";
const enabled = /^(\/\*!50106 CREATE\*\/ .* EVENT `.* ON COMPLETION (?:NOT )?PRESERVE )ENABLE /;

/** Neither does a restored event run, nor is that a difference. */
const asDisabled = (line: string): string =>
  line.startsWith(eventBegins) ? line.replace(enabled, "$1DISABLE ") : line;

/**
 * The same script with its events switched off: one that runs in a copy would change what is compared, and one that names the
 * live database would change that.
 */
export async function* withoutEvents(sql: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of sql) {
    const left = Buffer.concat([rest, chunk]);
    const sure = sureBytes(left);
    yield eventsDisabled(left.subarray(0, sure));
    rest = left.subarray(sure);
  }
  yield eventsDisabled(rest);
}

const beginsLine = Buffer.from(`\n${eventBegins}`);

/** Up to where no line of an event is cut in two, nor its beginning. */
function sureBytes(bytes: Buffer): number {
  const last = bytes.lastIndexOf(beginsLine);
  if (last >= 0 && bytes.indexOf(newline, last + 1) < 0) return last;
  const begun = bytes.lastIndexOf(newline);
  return begun >= 0 && bytes.length - begun < beginsLine.length ? begun : bytes.length;
}

function eventsDisabled(bytes: Buffer): Buffer {
  if (!bytes.includes(beginsLine)) return bytes;
  // Byte by byte: its text may be in any character set.
  return Buffer.from(bytes.toString("latin1").split("\n").map(asDisabled).join("\n"), "latin1");
}
