/**
 * A folder of plain files as one stream, and back, so that `tar` reads what was written without Sluice (B13). In the order of names,
 * without times and owners: the same files make the same bytes. Reading takes nothing but such files: a name with a folder in it
 * could lie anywhere.
 */
import { createReadStream } from "node:fs";
import { open, readdir, stat } from "node:fs/promises";
import { join } from "node:path";

const blockBytes = 512;
const endBlocks = 2;
/** Eleven octal digits; what is larger is written in base 256, as GNU, BSD and BusyBox read it. */
const mostOctal = 0o77777777777;
const plainName = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,98}$/;

/** Throws where a file has another size than when it was begun. */
export async function* tarOf(folder: string): AsyncGenerator<Uint8Array> {
  for (const name of (await readdir(folder)).toSorted(byCode)) {
    const path = join(folder, name);
    const { size } = await stat(path);
    yield headerOf(name, size);
    let sent = 0;
    for await (const chunk of createReadStream(path)) {
      sent += chunk.byteLength;
      yield chunk;
    }
    if (sent !== size) throw new Error(`${path} had ${size} bytes and then ${sent}`);
    yield Buffer.alloc(paddingOf(size));
  }
  yield Buffer.alloc(endBlocks * blockBytes);
}

const byCode = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
const paddingOf = (size: number): number => (blockBytes - (size % blockBytes)) % blockBytes;

export function headerOf(name: string, size: number): Buffer {
  if (!plainName.test(name)) throw new Error(`${name} is no name for a file of an archive`);
  const header = Buffer.alloc(blockBytes);
  header.write(name, 0);
  for (const [at, digits, value] of [
    [100, 8, 0o600],
    [108, 8, 0],
    [116, 8, 0],
    [136, 12, 0],
  ] as const) {
    header.write(octal(value, digits), at);
  }
  if (size <= mostOctal) header.write(octal(size, 12), 124);
  else {
    header.writeUInt8(0x80, 124);
    header.writeBigUInt64BE(BigInt(size), 128);
  }
  header.write("0ustar\u000000", 156);
  header.fill(" ", 148, 156);
  header.write(`${octal(sumOf(header), 7)}\0 `, 148);
  return header;
}

/** With a NUL at its end, which counts. */
const octal = (value: number, length: number): string => value.toString(8).padStart(length - 1, "0");

const sumOf = (header: Buffer): number => header.reduce((sum, byte) => sum + byte, 0);

export interface Unpacking {
  /** Before a file is written, with its size. */
  readonly before: (name: string, size: number) => Promise<void>;
  /** What is wrong with the bytes, as an error. */
  readonly fault: (reason: string) => Error;
}

/** Into an empty folder. What goes wrong at the source is thrown as it is. */
export async function unpackTar(
  bytes: AsyncIterable<Uint8Array>,
  folder: string,
  { before, fault }: Unpacking,
): Promise<void> {
  const reader = exactly(bytes, fault);
  const names = new Set<string>();
  try {
    for (;;) {
      const header = await reader.block();
      if (header.every((byte) => byte === 0)) break;
      const { name, size } = readHeader(header, names, fault);
      await before(name, size);
      await writeFile(join(folder, name), reader.next(size));
      for await (const _ of reader.next(paddingOf(size)));
    }
    if ((await reader.block()).some((byte) => byte !== 0)) throw fault("its end is damaged");
    if (!(await reader.isOver())) throw fault("something follows its end");
  } finally {
    await reader.close();
  }
}

async function writeFile(path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  const file = await open(path, "wx", 0o600);
  try {
    for await (const chunk of bytes) await file.writeFile(chunk);
  } finally {
    await file.close();
  }
}

interface Entry {
  readonly name: string;
  readonly size: number;
}

/** Notes the name. */
function readHeader(header: Buffer, names: Set<string>, fault: Unpacking["fault"]): Entry {
  const told = Number.parseInt(header.toString("latin1", 148, 154), 8);
  const blanked = Buffer.from(header).fill(" ", 148, 156);
  if (told !== sumOf(blanked)) throw fault("a header of it is damaged");
  const name = header.toString("latin1", 0, 100).replace(/\0.*$/s, "");
  const kind = header.toString("latin1", 156, 157);
  if (!plainName.test(name) || kind !== "0") throw fault(`it holds ${JSON.stringify(name)}, which is no plain file`);
  const isLarge = header.readUInt8(124) === 0x80;
  const size = isLarge ? Number(header.readBigUInt64BE(128)) : Number.parseInt(header.toString("latin1", 124, 135), 8);
  if (!Number.isSafeInteger(size)) throw fault(`${name} has no size`);
  if (names.has(name)) throw fault(`it holds ${name} twice`);
  names.add(name);
  return { name, size };
}

/** So many bytes and no more, however the source cuts them. */
function exactly(bytes: AsyncIterable<Uint8Array>, fault: Unpacking["fault"]) {
  const source = bytes[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  /** False at the end of the source. */
  const filled = async (): Promise<boolean> => {
    while (rest.byteLength === 0) {
      const next = await source.next();
      if (next.done) return false;
      rest = next.value;
    }
    return true;
  };
  async function* next(size: number): AsyncGenerator<Uint8Array> {
    for (let left = size; left > 0; ) {
      if (!(await filled())) throw fault("it is cut off");
      const taken = rest.subarray(0, left);
      rest = rest.subarray(taken.byteLength);
      left -= taken.byteLength;
      yield taken;
    }
  }
  return {
    next,
    block: async (): Promise<Buffer> => {
      const chunks: Uint8Array[] = [];
      // Copied: a chunk may be valid only until the next one is asked for.
      for await (const chunk of next(blockBytes)) chunks.push(Uint8Array.from(chunk));
      return Buffer.concat(chunks);
    },
    isOver: async () => !(await filled()),
    close: async () => void (await source.return?.()),
  };
}
