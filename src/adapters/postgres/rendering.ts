/**
 * An archive rendered as SQL and a plain dump of the database restored from it must say the same. Read as bytes in one pass
 * with bounded memory: rows go into a digest for each table, statements are kept, so that a difference can be shown.
 */
import { createHash, type Hash } from "node:crypto";
import type { Reading } from "../../ports/database.ts";

const newline = 0x0a;
const endOfRows = Buffer.from("\n\\.\n");
const rowsBegin = /^COPY (.+) \(.*\) FROM stdin;$|^COPY (.+) FROM stdin;$/;
/** Large objects come as statements of their own, 16 KB each: too much to keep. */
const largeObject = /^SELECT pg_catalog\.lo(?:_open|_close|write)\(|^BEGIN;$|^COMMIT;$/;
/** What tells one run of the tool from another and says nothing about the database. */
const volatile = /^(?:--$|-- |\\restrict |\\unrestrict |$)/;
/** Comments that pg_dump writes itself; one in the body of a function is a part of that function. */
const ownComment =
  /^-- (?:Name: |Data for Name: |PostgreSQL database dump|Dumped (?:from|by) |TOC entry |Dependencies: )/;

export const largeObjectsPart = "(large objects)";

export async function readingOf(sql: AsyncIterable<Uint8Array>): Promise<Reading> {
  const reader = new SqlReader();
  for await (const chunk of sql) reader.take(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength));
  return reader.end();
}

class SqlReader {
  readonly #schema: string[] = [];
  readonly #hashes = new Map<string, Hash>();
  #rest: Buffer = Buffer.alloc(0);
  /** Set while rows of a table go by. */
  #rows: Hash | undefined;

  take(chunk: Buffer): void {
    let left = this.#joined(chunk);
    for (;;) {
      const used = this.#rows ? this.#takeRows(left) : this.#takeLine(left);
      if (used === 0) break;
      left = left.subarray(used);
    }
    // A copy: what is left over must not hold the whole chunk.
    this.#rest = Buffer.from(left);
  }

  /** Rows go by without being copied: a chunk for each 64 KB of garbage would be most of this process's memory. */
  #joined(chunk: Buffer): Buffer {
    const rest = this.#rest;
    if (rest.length === 0) return chunk;
    // Long enough to hold the end of a mark that begins in what was left over.
    const seam =
      this.#rows && chunk.length >= endOfRows.length && Buffer.concat([rest, chunk.subarray(0, endOfRows.length - 1)]);
    if (!seam || rest.length >= endOfRows.length || seam.includes(endOfRows)) return Buffer.concat([rest, chunk]);
    this.#rows?.update(rest);
    return chunk;
  }

  end(): Reading {
    if (this.#rest.length > 0) this.#line(this.#rest.toString("utf8"));
    const parts = [...this.#hashes].map(([name, hash]) => [name, hash.digest("hex")] as const);
    return { parts: new Map(parts), schema: this.#schema };
  }

  #takeRows(bytes: Buffer): number {
    const end = bytes.indexOf(endOfRows);
    // The mark may be cut in two between chunks.
    const rows = end >= 0 ? end : Math.max(0, bytes.length - endOfRows.length + 1);
    this.#rows?.update(bytes.subarray(0, rows));
    if (end < 0) return rows;
    this.#rows = undefined;
    return end + endOfRows.length;
  }

  #takeLine(bytes: Buffer): number {
    const end = bytes.indexOf(newline);
    if (end < 0) return 0;
    const line = bytes.toString("utf8", 0, end);
    const table = rowsBegin.exec(line);
    if (table === null) {
      this.#line(line);
      return end + 1;
    }
    this.#schema.push(line);
    this.#rows = this.#hash(table[1] ?? table[2] ?? "");
    // The line end stays: an empty table's rows end with the mark at once.
    return end;
  }

  #line(line: string): void {
    if (largeObject.test(line)) this.#hash(largeObjectsPart).update(`${line}\n`);
    else if (!volatile.test(line) || (line.startsWith("-- ") && !ownComment.test(line))) {
      this.#schema.push(asWrittenAgain(line));
    }
  }

  #hash(part: string): Hash {
    const known = this.#hashes.get(part);
    if (known) return known;
    const hash = createHash("sha256");
    this.#hashes.set(part, hash);
    return hash;
  }
}

const castArray = /\(ARRAY\[((?:'(?:[^']|'')*'::character varying(?:\(\d+\))?(?:, )?)+)\]\)::text\[\]/g;
const castElement = /'(?:[^']|'')*'::character varying(?:\(\d+\))?/g;

/**
 * PostgreSQL prints `status IN ('a', 'b')` on a varchar in one way, and in another once it has read its own words again. Both
 * are made the second: it is the only such rewriting that is known to us, and anything else counts as a difference.
 */
function asWrittenAgain(line: string): string {
  if (!line.includes("::text[]")) return line;
  return line.replace(castArray, (_whole, elements: string) => {
    const cast = (elements.match(castElement) ?? []).map((element) => `(${element})::text`);
    return `ARRAY[${cast.join(", ")}]`;
  });
}

/** Who owns what: of no account where the user may not give anything to others. */
export const ownership = /^ALTER .* OWNER TO .*;$/;
