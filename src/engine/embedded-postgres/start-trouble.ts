/**
 * Why the database did not start, from what PostgreSQL wrote about it. Its log is the only place where it says so. Nothing is
 * ever mended here by removing data: what cannot be read is left as it is, and a person hears what there is to do.
 */
import { existsSync, readFileSync } from "node:fs";
import { SluiceError } from "../../domain/errors.ts";

export interface StartPlace {
  readonly dataFolder: string;
  readonly logFile: string;
  /** Length of the log, in bytes, when this start began: what is before it was another start's trouble. */
  readonly logBytes: number;
}

type Trouble = Pick<SluiceError["failure"], "code" | "message" | "hint">;

/** What never goes away by itself; anything else may be gone a moment later, and is tried again. */
export const isLasting = (thrown: unknown): boolean =>
  thrown instanceof SluiceError && thrown.failure.code !== "LEDGER_UNREACHABLE";

export function startFailed(how: string, place: StartPlace): SluiceError {
  const said = readLog(place);
  const trouble = troubles.map((each) => each(said, place)).find((found) => found !== undefined);
  return new SluiceError({
    ...(trouble ?? {
      code: "LEDGER_UNREACHABLE",
      message: `The state database in ${place.dataFolder} cannot start. ${how}`,
      hint: `The whole log is in ${place.logFile}. After mending it: sluice status`,
    }),
    remedy: "operator",
    at: "ledger",
    evidence: said.split("\n").slice(-15).join("\n").slice(-4000),
  });
}

/** What is there cannot be read as the ledger that it was. */
export const damaged = (folder: string, why: string, cause?: unknown): SluiceError =>
  new SluiceError({
    code: "STATE_DAMAGED",
    remedy: "operator",
    at: folder,
    message: `The state database in ${folder} is damaged or not complete: ${why.replace(/\.$/, "")}. Nothing was changed or deleted; what serves goes on serving.`,
    hint: `Put the folder back from a copy of this machine. Without one, set it aside and begin a new ledger, which has to take its targets over: ${existsSync(folder) ? `mv ${folder} ${folder}.damaged` : `mkdir -p ${folder}.damaged`}, then: sluice lock take-over <environment> --reason "…"`,
    ...(cause === undefined ? {} : { cause }),
  });

/** What a ledger says that could not be opened on a server of ours, with the folder to be put back. */
export function troubleOfLedger(thrown: unknown, dataFolder: string): unknown {
  if (!(thrown instanceof SluiceError)) return thrown;
  const { code, detail, message } = (thrown.cause ?? {}) as Readonly<Record<"code" | "detail" | "message", unknown>>;
  const isGone = code === databaseGone;
  if (!isGone && thrown.failure.code !== "STATE_DAMAGED") return thrown;
  const why = [message, isGone ? detail : undefined].filter((each) => typeof each === "string" && each !== "");
  return damaged(dataFolder, why.join(". ") || thrown.failure.message, thrown);
}

/** We made it, and its name is still known: its folder was taken away. */
const databaseGone = "3D000";

/** By SQLSTATE, from a server that runs: data or index corrupted, a file of it missing, unreadable or cut short. */
export const isDamage = (sqlState: string): boolean => /^(XX00[12]|58P01|58030)$/.test(sqlState);

const troubles: readonly ((said: string, place: StartPlace) => Trouble | undefined)[] = [
  (said) =>
    /No space left on device|Disk quota exceeded/.test(said)
      ? {
          code: "DISK_FULL",
          message: "The state database cannot start: the disk is full.",
          hint: "Nothing was lost. Free some space, then start again. See what is full: df -h",
        }
      : undefined,
  (said, { dataFolder }) => {
    const line =
      /.*(invalid permissions|wrong ownership|Permission denied|Operation not permitted|Read-only file system).*/.exec(
        said,
      )?.[0];
    return line === undefined
      ? undefined
      : {
          code: "STATE_UNWRITABLE",
          message: `The state database in ${dataFolder} may not be used by the account that it runs as: ${plain(line)}. Nothing was changed.`,
          hint: `The folder and everything in it belong to whoever made them, with mode 0700 (as root: to nobody). To look: ls -ld ${dataFolder}`,
        };
  },
  (said, { dataFolder }) => {
    const [, wrote, here] = /initialized by PostgreSQL version (\d+).*this version (\d+)/.exec(said) ?? [];
    return wrote === undefined
      ? undefined
      : {
          code: Number(wrote) > Number(here) ? "LEDGER_NEWER" : "STATE_DAMAGED",
          message: `The state database in ${dataFolder} was written by PostgreSQL ${wrote}; this Sluice brings ${here}. Nothing was touched.`,
          hint: "Use the Sluice that wrote it. To see yours: sluice --version",
        };
  },
  (said, { dataFolder }) => {
    const line = signsOfDamage.exec(said)?.[0];
    return line === undefined ? undefined : damaged(dataFolder, plain(line)).failure;
  },
];

const signsOfDamage = new RegExp(
  `.*(?:${[
    "could not find the database system",
    "could not access the server configuration file",
    "configuration file .* contains errors",
    "PG_CONTROL_VERSION",
    "incorrect checksum in control file",
    "could not read file",
    "invalid checkpoint record",
    "could not locate a valid checkpoint record",
    "required WAL directory",
    "could not access status of transaction",
    "could not open (?:file|directory|critical)",
    "is not a valid data directory",
    "invalid page in block",
    "PANIC:",
  ].join("|")}).*`,
);

/** Without PostgreSQL's time, pid and severity. */
const plain = (line: string): string =>
  line.replace(/^.*?(?:FATAL|PANIC|LOG|ERROR|DETAIL|postgres):\s+/, "").replace(/\.$/, "");

function readLog({ logFile, logBytes }: StartPlace): string {
  if (!existsSync(logFile)) return "";
  const all = readFileSync(logFile);
  // A log that is shorter by now was cut when the start began.
  return all
    .subarray(all.length < logBytes ? 0 : logBytes)
    .toString("utf8")
    .trimEnd();
}
