/**
 * The parts of a simulated deployment: settings and decisions are the real ones, the world around them is in memory. Each
 * process of the simulation gets its own set, which dies with it.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { placeOfBackups } from "../../domain/backup-place.ts";
import { redactor } from "../../domain/redactor.ts";
import type { Artifact } from "../../domain/release.ts";
import { Secret } from "../../domain/secret.ts";
import type { EnvironmentSettings } from "../../domain/settings.ts";
import { pass } from "../../domain/verdict.ts";
import type { Parts } from "../../pipeline/parts.ts";
import type { BackupStore } from "../../ports/backup-store.ts";
import type { Builder } from "../../ports/builder.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Database } from "../../ports/database.ts";
import type { Host } from "../../ports/host.ts";
import type { Ledger } from "../../ports/ledger.ts";
import type { Migrator, PendingMigration } from "../../ports/migrator.ts";
import type { RunFolder } from "../../ports/run-folder.ts";
import type { Source } from "../../ports/source.ts";
import type { SqlGrammar } from "../../ports/sql-grammar.ts";
import { memoryBackupStore } from "../../testing/memory-backup-store.ts";
import { memoryCheckpoints } from "../../testing/memory-checkpoints.ts";
import { memoryDatabase } from "../../testing/memory-database.ts";
import { memoryMigrator } from "../../testing/memory-migrator.ts";
import { type MemoryNotifier, memoryNotifier } from "../../testing/memory-notifier.ts";
import { hashOf, sha256Of } from "../hashing.ts";
import { simulatedChecks } from "./checks.ts";
import type { Mishaps } from "./mishaps.ts";
import type { SimulatedPlace } from "./place.ts";

export interface WorldParts {
  readonly settings: EnvironmentSettings;
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly source: Source;
  readonly place: SimulatedPlace;
  readonly broken: Mishaps;
  readonly candidate: string;
  /** How many migrations the release brings, to each database that has a tool for them. */
  readonly migrations: number;
  readonly sqlGrammar: SqlGrammar;
}

export interface SimulatedParts {
  /** `mortal` makes a part die with its process. */
  readonly partsFor: (mortal: <T extends object>(part: T) => T) => Parts;
  readonly channels: readonly MemoryNotifier[];
  /** File → text of the one deployment's folder. */
  readonly files: ReadonlyMap<string, string>;
}

const buildMs = 5_000;
const migrationMs = 2_000;

export function simulatedParts(world: WorldParts): SimulatedParts {
  const { settings, clock, place, broken } = world;
  const channels = settings.notify.map(({ name }) => memoryNotifier({ name, down: () => broken.channelsDown }));
  const files = new Map<string, string>();
  const databases = settings.databases.map(simulatedDatabase);
  const migrators = settings.migrations.map(({ database }) => simulatedMigrator(database, world));
  const backups = simulatedStore(settings, broken);
  const checks = simulatedChecks(world);
  const checkpoints = memoryCheckpoints();
  return {
    channels,
    files,
    partsFor: (mortal) => ({
      // Nothing was deployed anywhere else in a simulation.
      settings: { ...settings, staging: null },
      clock: mortal(clock),
      ledger: mortal(world.ledger),
      source: mortal(world.source),
      builder: mortal(simulatedBuilder(clock)),
      ciGate:
        settings.ciCommand === null && (settings.requiredChecks ?? []).length === 0
          ? undefined
          : mortal({
              kind: "simulated",
              passed: async () => ({ verdict: pass, detail: "taken as passed (simulated)" }),
            }),
      target: mortal(place.target),
      routers: new Map([...place.routers].map(([name, router]) => [name, mortal(router)])),
      metricSources: [],
      databases: databases.map(mortal),
      migrators: migrators.map(mortal),
      sqlGrammar: mortal(world.sqlGrammar),
      backups: mortal(backups),
      hosts: [simulatedHost],
      checks,
      secrets: {
        missing: () => [],
        resolve: (value) => (typeof value === "string" ? value : new Secret(value.secret, `simulated ${value.secret}`)),
      },
      notifiers: channels.map((channel, at) => {
        const events: readonly string[] = settings.notify[at]?.events ?? [];
        return mortal({ ...channel, wants: ({ kind }) => events.length === 0 || events.includes(kind) });
      }),
      redactor: redactor([]),
      checkpoints: mortal(checkpoints),
      runFolder: (id) => mortal(folderInMemory(join(settings.records.folder, id), files)),
      // The approvers are simulated: there is nothing to verify.
      proofFault: async () => undefined,
      sha256: sha256Of,
      hashOf,
    }),
  };
}

const treeOf = (commit: string): string => `/simulated/${commit.slice(0, 12)}/tree`;

export const simulatedArtifact = (component: string, commit: string): Artifact => ({
  component,
  digest: `sha256:${createHash("sha256").update(commit).digest("hex")}`,
  kind: "tree",
  location: treeOf(commit),
});

const simulatedBuilder = (clock: Clock): Builder => ({
  kind: "simulated",
  async build({ commit, components }, log, signal) {
    for (const { name, build } of components.filter((component) => component.build.length > 0)) {
      for (const argv of build) log(name, `(simulated) ${argv.join(" ")}`);
      await clock.sleep(buildMs, signal);
    }
    return components.map(({ name }) => simulatedArtifact(name, commit));
  },
});

const simulatedDatabase = ({ name, kind }: EnvironmentSettings["databases"][number]): Database => ({
  ...memoryDatabase({ name, tables: { simulated: 1_000 } }),
  kind,
});

function simulatedMigrator(database: string, { broken, migrations, clock }: WorldParts): Migrator {
  const pending: readonly PendingMigration[] = Array.from({ length: migrations }, (_, at) => ({
    id: `simulated-${at + 1}`,
    sql: `CREATE TABLE simulated_${at + 1} (id integer);`,
  }));
  const fault = ({ id }: PendingMigration) => {
    if (broken.migrationFails && id === pending.at(-1)?.id) throw new Error("the statement failed (simulated)");
  };
  const byTree = new Map<string, ReturnType<typeof memoryMigrator>>();
  const at = (tree: string) => {
    const known = byTree.get(tree) ?? memoryMigrator({ database, byTree: { [tree]: pending }, fault });
    byTree.set(tree, known);
    return known;
  };
  return {
    kind: "simulated",
    database,
    pending: (tree, signal) => at(tree).pending(tree, signal),
    async apply(tree, log, signal) {
      await clock.sleep(migrationMs * pending.length, signal);
      await at(tree).apply(tree, log, signal);
    },
  };
}

/** Damaged: the bytes that were put read back as others, as on a disk that lies. */
function simulatedStore({ backup }: EnvironmentSettings, broken: Mishaps): BackupStore {
  const store = memoryBackupStore({ name: placeOfBackups(backup) });
  return {
    ...store,
    async put(key, bytes, signal) {
      const stored = await store.put(key, bytes, signal);
      if (broken.backupDamaged)
        store.objects.set(
          key,
          (store.objects.get(key) ?? new Uint8Array()).map((byte) => byte ^ 1),
        );
      return stored;
    },
  };
}

const simulatedHost: Host = {
  name: "simulated-host",
  facts: async () => ({
    name: "simulated-host",
    freeDiskBytes: 1e12,
    freeMemoryBytes: 64e9,
    totalMemoryBytes: 128e9,
    loadPerCpu: 0.1,
  }),
};

const folderInMemory = (location: string, files: Map<string, string>): RunFolder => ({
  location,
  async append(file, text) {
    files.set(file, (files.get(file) ?? "") + text);
  },
  async write(file, text) {
    files.set(file, text);
  },
});
