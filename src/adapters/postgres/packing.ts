/**
 * How a dump is packed: inside pg_dump, so that one pass does it and a flipped bit is noticed when it is read back; an archive that
 * is not compressed notices none (data-safety.md, 1). The words of it stand in the manifest, as the arguments that made it.
 */
import { SluiceError } from "../../domain/errors.ts";
import { runCommand } from "../run-command.ts";
import type { Tools } from "./tools.ts";

export type Compression = "zlib" | "zstd";

/** `directory`: many files, written and restored by several processes; it travels in a tar. */
export type Layout = "custom" | "directory";

export interface Packing {
  readonly layout: Layout;
  readonly compression: Compression;
}

export interface ParallelOptions {
  /** A database of this size or more is dumped by several processes; null: none is. */
  readonly fromBytes: number | null;
  /** That many, for dumping and for restoring. */
  readonly jobs: number;
  /** Of this machine: what several processes write and read lies there in between. */
  readonly folder: string;
}

export const layoutFor = (sizeBytes: number, { fromBytes }: Pick<ParallelOptions, "fromBytes">): Layout =>
  fromBytes !== null && sizeBytes >= fromBytes ? "directory" : "custom";

/** What the tool said when it was asked for zstd; `unclear` where it said neither. */
export type ZstdAnswer = "yes" | "no" | "unclear";

const firstMajorWithZstd = 16;

/** Level 1 of zlib: half the time of level 6 for 7 % more bytes. zstd is quicker still, and smaller. */
const compressArgument = { zlib: "--compress=1", zstd: "--compress=zstd:3" } as const satisfies Record<
  Compression,
  string
>;

export const compressionFor = (major: number, answer: ZstdAnswer): Compression =>
  major >= firstMajorWithZstd && answer === "yes" ? "zstd" : "zlib";

/** It refuses what its build cannot do before it looks for a server; here there is none, so that is what it misses otherwise. */
export function zstdAnswer(words: string): ZstdAnswer {
  if (/\bcompress/i.test(words)) return "no";
  return words.includes("connection to server") ? "yes" : "unclear";
}

/** Builds of one major differ in it, so the tool itself is asked. */
export async function askForZstd({ pgDump }: Tools, signal: AbortSignal): Promise<ZstdAnswer> {
  const nowhere = ["--no-password", "--host=/dev/null", "--dbname=none"];
  const argv = [pgDump, "--format=custom", compressArgument.zstd, ...nowhere];
  const { stderrTail } = await runCommand({ argv, env: { LC_ALL: "C" }, timeoutMs: 10_000, signal });
  return zstdAnswer(stderrTail);
}

export async function compressionOf(tools: Tools, signal: AbortSignal): Promise<Compression> {
  const mayKnow = tools.major >= firstMajorWithZstd;
  return compressionFor(tools.major, mayKnow ? await askForZstd(tools, signal) : "no");
}

export const packingArguments = ({ layout, compression }: Packing): readonly string[] => [
  `--format=${layout}`,
  compressArgument[compression],
];

const compressionWords = { zlib: "zlib at level 1", zstd: "zstd at level 3" } as const satisfies Record<
  Compression,
  string
>;
export const packingWords = ({ layout, compression }: Packing, { jobs }: Pick<ParallelOptions, "jobs">): string =>
  `${layout === "directory" ? `${jobs} tables at once, ` : ""}compressed by ${compressionWords[compression]}`;

const shortLayout = { custom: "-Fc", directory: "-Fd" } as const satisfies Record<Layout, string>;
export const formatOf = ({ layout, compression }: Packing): string =>
  `pg_dump ${shortLayout[layout]} ${compressArgument[compression]}`;

const written: readonly Packing[] = (["custom", "directory"] as const).flatMap((layout) =>
  (["zlib", "zstd"] as const).map((compression) => ({ layout, compression })),
);
const formats: ReadonlyMap<string, Packing> = new Map([
  // As manifests say it from before there was a choice.
  ["pg_dump -Fc", { layout: "custom", compression: "zlib" }],
  ...written.map((packing) => [formatOf(packing), packing] as const),
]);

/** Undefined for what the adapter does not write. */
export const packingOf = (format: string): Packing | undefined => formats.get(format);

/** An archive is read by tools that know its compression, wherever it was made. Errors: BACKUP_UNVERIFIED naming what to install. */
export async function requireReads(
  tools: Tools,
  { compression }: Pick<Packing, "compression">,
  signal: AbortSignal,
): Promise<void> {
  if (compression === "zlib" || (await compressionOf(tools, signal)) === "zstd") return;
  throw new SluiceError({
    code: "BACKUP_UNVERIFIED",
    remedy: "operator",
    at: "adapters.postgres.tools",
    message: `The archive is compressed by zstd, and the pg_restore here, of PostgreSQL ${tools.major}, cannot read that.`,
    hint: `Nothing was restored. Install client tools of PostgreSQL ${firstMajorWithZstd} or newer that were built with zstd, for example with: apt-get install postgresql-client-${Math.max(firstMajorWithZstd, tools.major)}`,
  });
}
