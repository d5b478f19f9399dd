/** What stands before a deployment: CI, room on the hosts, approvals, the lock, backups; and where it runs. */
import { z } from "zod";
import { backupPolicies } from "../domain/backup-settings.ts";
import { severities } from "../domain/vulnerabilities.ts";
import { BackupStoreSchema } from "./schema-backup-store.ts";
import { requiredCheck } from "./schema-forge.ts";
import {
  argv,
  count,
  duration,
  file,
  key,
  line,
  name,
  orOff,
  period,
  say,
  secretName,
  share,
  size,
  sizeOrZero,
} from "./schema-values.ts";

export const Ci = z
  .strictObject({
    command: key(
      argv().optional(),
      "Command that ends with 0 when CI has passed for the commit; `{commit}` becomes its full id.",
      ["./ci-status", "{commit}"],
    ),
    checks: key(
      z.array(requiredCheck()).min(1).max(100).optional(),
      "Checks at GitHub that must have passed for the commit (T7); a name alone is one of GitHub Actions. In place of a command.",
      ["lint", "test", { status: "security/scan", creator: "scanner-bot" }],
    ),
    timeout: key(period(), "Without an end for this long CI has not passed.", "5m"),
  })
  .meta({ description: "How to ask whether CI has passed for exactly this commit (T4)." });

export const Staging = z
  .strictObject({
    environment: key(name("an environment"), "Where the release must have gone well before.", "staging"),
    within: key(period().prefault("7d"), "How long ago at most.", "7d"),
    errorRate: key(orOff(share()).prefault("off"), "Errors per request while it was watched there, 0 to 1.", 0.01),
    minRequests: key(count(1, 1_000_000).default(50), "Fewer requests there say nothing about errors.", 50),
    slowestCheck: key(orOff(period()).prefault("off"), "The slowest check there took at most this long.", "2s"),
  })
  .meta({ description: "The stage before: the same commit and artifacts must have gone well there (T10)." });

const vulnerabilityRule = {
  threshold: key(z.enum(severities).default("high"), "From this severity on a known one stops it.", "high"),
  except: key(
    z.array(line().max(100)).max(1000).default([]),
    "Ids that somebody has looked at and lets pass; they are named all the same.",
    ["GHSA-35jh-r3h4-6jhm"],
  ),
  timeout: key(period().prefault("2m"), "Without an answer for this long nothing is known.", "2m"),
};

export const Vulnerabilities = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: key(z.literal("npm"), "`npm audit` of the release's package-lock.json.", "npm"),
      omitDev: key(z.boolean().default(true), "Leave out what is only needed to build.", true),
      ...vulnerabilityRule,
    }),
    z.strictObject({
      kind: key(z.literal("osv"), "A command that prints the JSON of OSV's scanner.", "osv"),
      command: key(argv(), "Run in the release's folder.", ["osv-scanner", "scan", "--format", "json", "-r", "."]),
      ...vulnerabilityRule,
    }),
  ])
  .meta({ description: "Known vulnerabilities of the dependencies (T8)." });

export const Target = z
  .strictObject({
    kind: key(z.literal("process"), "Processes on this machine.", "process"),
    root: key(
      file().optional(),
      "Folder of the releases, logs and run-time files; `.sluice/run/<environment>` unless said otherwise.",
      ".sluice/run/production",
    ),
  })
  .meta({ description: "Where the components run." });

export const Router = z
  .strictObject({
    kind: key(z.literal("builtin"), "Sluice's own router, a process of its own.", "builtin"),
    state: key(
      file().optional(),
      "Folder of the router's state; `.sluice/router/<environment>` unless said otherwise.",
      ".sluice/router/production",
    ),
  })
  .meta({ description: "What divides the traffic between the versions." });

export const Disk = z
  .strictObject({ minFree: key(size(), "Free space that must be left.", "1GiB") })
  .meta({ description: "Disk of this machine and of every host (F4)." });
export const Memory = z
  .strictObject({ minFree: key(size(), "Memory that must be left.", "128MiB") })
  .meta({ description: "Memory of every host (F4)." });
export const Load = z
  .strictObject({ maxPerCpu: key(z.number().positive().max(1000), "Load average of one minute, per processor.", 4) })
  .meta({ description: "Load of every host (F4)." });

export const Approvals = z
  .strictObject({
    required: key(count(0, 20), "Approvals needed; the one who started the deployment does not count (P3).", 2),
    approvers: key(z.array(line().max(100)), "Who may approve; with an empty list anyone whose signature is known.", [
      "alice",
      "bob",
    ]),
    allowedSigners: key(
      file().optional(),
      "File in OpenSSH's allowed_signers format with the approvers' public keys; an approval is an SSH signature checked against it.",
      ".sluice-signers",
    ),
    excludeAuthor: key(z.boolean(), "The author of the commit may not approve it either.", true),
    acceptDeclared: key(
      z.boolean(),
      "Approvals without a signature count too: nothing but the person's word. Never with the policy strict.",
      false,
    ),
    wait: key(duration(), "After the last approval, time in which it can still be cancelled (P4).", "5m"),
    timeout: key(period(), "Without enough approvals for this long the deployment ends as expired (P4).", "48h"),
    remindEvery: key(period(), "Approvers are reminded this often.", "4h"),
  })
  .meta({ description: "Who must agree before anything changes (P3, P4, P6)." });

export const Lock = z
  .strictObject({
    onBusy: key(
      z.enum(["fail", "queue"]),
      "What a second deployment does: end at once, or wait its turn; a newer release takes the place of older ones that wait.",
      "fail",
    ),
    queueTimeout: key(period(), "A waiting deployment gives up after this long.", "1h"),
    lease: key(period(), "A holder that was silent for this long is taken for dead.", "3s"),
    heartbeat: key(period(), "How often the holder says that it lives; the lease must hold two of them.", "1s"),
  })
  .meta({ description: "One deployment at a time (L1, L2)." });

const backupWords = ["environment", "database", "time", "deployment"];

function backupNameFault(text: string): string | undefined {
  const unknown = [...text.matchAll(/\{([^{}]*)\}/g)].find(([, word = ""]) => !backupWords.includes(word));
  if (unknown)
    return say(
      `${unknown[0]} is not a placeholder here`,
      "there are {environment}, {database}, {time} and {deployment}",
    );
  if (/[/\\]/.test(text)) return say("the name holds a / or \\", "put the folder into `folder`");
  const distinct = text.includes("{time}") || text.includes("{deployment}");
  return distinct ? undefined : say("every backup would have the same name", "add {time} or {deployment}");
}

/** The age format's public keys, classic and post-quantum. */
const recipient = () =>
  z.string().regex(/^age1[a-z0-9]{50,}$/, {
    error: say("that is no public key of age", "write age1…, as age-keygen -y prints it"),
  });

export const Proof = z
  .strictObject({
    level: key(
      z.enum(["readable", "restored", "equal"]).optional(),
      "readable: decoded to its end; restored: into a scratch database, rows counted; equal: and compared with the snapshot. `verified` is equal; otherwise readable.",
      "equal",
    ),
    budget: key(period(), "A deployment waits at most this long for the proof; by hand there is no limit.", "10m"),
    equalWithin: key(
      period(),
      "Over the budget a readable backup goes on only with an equal one not older than this; it is never called verified.",
      "24h",
    ),
  })
  .meta({ description: "How far a backup is proven before anything changes (B3)." });

const Encryption = z
  .strictObject({
    recipients: key(
      z.array(recipient()).min(1),
      "Public keys (`age-keygen -y`); each of them can decrypt. Sluice needs no private key to back up and prove.",
      ["age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p"],
    ),
    identity: key(
      z.strictObject({ secret: key(secretName(), "Name of a secret.", "BACKUP_IDENTITY") }).optional(),
      "The private key, to restore with Sluice; without it `age --decrypt` and the printed commands do.",
      { secret: "BACKUP_IDENTITY" },
    ),
  })
  .meta({ description: "Encryption of what is stored, in the age format (B13)." });

const Parallel = z
  .strictObject({
    from: key(
      sizeOrZero(),
      "A PostgreSQL database of this size or more is dumped and restored by several processes at once, through files of this machine; 0: never.",
      "20GB",
    ),
    jobs: key(count(1, 64), "That many processes; each has its own connection.", 2),
    folder: key(
      file(),
      "Where the files lie in between, relative to the project; it needs room for a whole compressed dump.",
      ".sluice/scratch",
    ),
  })
  .meta({ description: "Large databases: many files instead of one stream (B1)." });

export const Backup = z
  .strictObject({
    policy: key(
      z.enum(backupPolicies),
      "none; optional: a failure only warns; always: a failure stops the deployment; verified: as always, and restored for a test (B8).",
      "verified",
    ),
    folder: key(file(), "Where backups are kept, relative to the project.", ".sluice/backups"),
    store: key(BackupStoreSchema.optional(), "Where backups are kept, if not in `folder`.", {
      kind: "s3",
      bucket: "shop-backups",
      region: "eu-central-1",
    }),
    name: key(
      line().superRefine((text, context) => {
        const problem = backupNameFault(text);
        if (problem) context.addIssue({ code: "custom", message: problem });
      }),
      "Name of a backup; `{environment}`, `{database}`, `{time}` and `{deployment}` are replaced.",
      "{environment}-{database}-{time}-{deployment}",
    ),
    proof: Proof,
    parallel: Parallel,
    encryption: key(Encryption.optional(), "Who can decrypt stored backups; without it they lie there as dumped."),
    keepNewest: key(count(1, 10_000), "The newest this many are kept (B5).", 10),
    keepRecordedDays: key(count(0, 36_500), "Backups that a record names are kept for this many days (B5).", 365),
  })
  .meta({ description: "Database backups before a deployment." });
