/** Everything a scenario is made of besides the processes: time, ledger, project, data, channels and environments. */
import type { EnvironmentSettings } from "../../src/domain/settings.ts";
import type { StagingRule } from "../../src/domain/staging-gate.ts";
import type { Verdict } from "../../src/domain/verdict.ts";
import { memoryLedger } from "../../src/engine/ledger/memory-ledger.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Ledger } from "../../src/ports/ledger.ts";
import type { Migrator, PendingMigration } from "../../src/ports/migrator.ts";
import type { VulnerabilityAudit } from "../../src/ports/vulnerability-audit.ts";
import { type MemoryBackupStore, memoryBackupStore } from "../../src/testing/memory-backup-store.ts";
import { memoryCheckpoints } from "../../src/testing/memory-checkpoints.ts";
import { type MemoryDatabaseOptions, memoryDatabase } from "../../src/testing/memory-database.ts";
import { memoryMigrator } from "../../src/testing/memory-migrator.ts";
import { type MemoryNotifier, memoryNotifier } from "../../src/testing/memory-notifier.ts";
import { answerless, type Faults, failing, ledgerUnreachable, meets, noFaults } from "./world-faults.ts";
import type { Shared } from "./world-parts.ts";
import { openPlace, type Place, type Witness } from "./world-place.ts";
import { changed, hour, type SettingsChange, scenarioSettings } from "./world-settings.ts";
import { memoryBuilder, memorySource, migrationsByTree, type Releases } from "./world-sources.ts";

export interface FakesOptions {
  /** Of production alone: what must have gone well elsewhere before. */
  readonly staging?: StagingRule;
  /** In the order in which they were made; `v1.0.0` and `v1.1.0`, both healthy, by default. */
  readonly releases?: Releases;
  readonly settings?: SettingsChange;
  /** `production` and `staging` by default, with the same settings. */
  readonly environments?: readonly string[];
  /** The ledger does at once what it is asked, and says so later: by method, milliseconds. */
  readonly ledgerAnswersAfterMs?: Readonly<Partial<Record<keyof Ledger, number>>>;
  /** What the build and a migration take, milliseconds. */
  readonly toolsMs?: number;
  readonly ci?: () => Verdict;
  readonly vulnerabilities?: VulnerabilityAudit;
  readonly missingSecrets?: readonly string[];
  readonly freeDiskBytes?: () => number;
  readonly databaseFault?: MemoryDatabaseOptions["fault"];
  readonly migrationFault?: (migration: PendingMigration) => void;
  /** Called after a backup was put; what it returns is what the store holds from then on. */
  readonly spoilBackup?: (bytes: Uint8Array) => Uint8Array;
  /** Of an environment. */
  readonly witness?: (environment: string) => Witness;
}

export interface FakeEnvironment {
  readonly settings: EnvironmentSettings;
  readonly place: Place;
}

export type Fakes = ReturnType<typeof openFakes>;

function settingsIn(name: string, { settings = {}, staging }: FakesOptions): EnvironmentSettings {
  const before = name === "production" && staging ? { staging } : {};
  return { ...changed(scenarioSettings(name), settings), ...before };
}

export function openFakes(options: FakesOptions, clock: Clock) {
  const releases = options.releases ?? { "v1.0.0": {}, "v1.1.0": {} };
  const toolsMs = options.toolsMs ?? 2_000;
  const faults = noFaults();
  const rawLedger = memoryLedger({ now: clock.now, id: "ledger-1" });
  const source = memorySource(releases);
  const builds: string[] = [];
  const database = memoryDatabase({ name: "main", tables: liveTables, ...faultOf(options) });
  const byTree = migrationsByTree(releases);
  const migrator = memoryMigrator({
    database: "main",
    byTree,
    ...(options.migrationFault ? { fault: options.migrationFault } : {}),
  });
  const channel = memoryNotifier({ name: "team", down: () => meets(faults, "channelDown") });
  const environments = new Map<string, FakeEnvironment>();
  for (const name of options.environments ?? ["production", "staging"]) {
    const settings = settingsIn(name, options);
    const place = openPlace(settings, clock, releases, faults, options.witness?.(name));
    environments.set(name, { settings, place });
  }
  const backups = memoryBackupStore();
  const checkpoints = memoryCheckpoints({ down: () => meets(faults, "checkpointsAway") });
  const shared: Shared = {
    clock,
    ledger: failing(
      answerless(answeringAfter(rawLedger, clock, options.ledgerAnswersAfterMs), faults, ledgerUnreachable),
      faults,
      "ledgerAway",
      ledgerUnreachable,
    ),
    source,
    builder: memoryBuilder(releases, clock, toolsMs, builds),
    database,
    migrator: takingTime(migrator, clock, toolsMs),
    backups: spoiling(backups, faults, options.spoilBackup),
    checkpoints,
    releases,
    notifiers: [notifierOf(channel, clock, () => meets(faults, "channelHangs"))],
    ci: options.ci,
    vulnerabilities: options.vulnerabilities,
    missingSecrets: options.missingSecrets ?? [],
    freeDiskBytes: options.freeDiskBytes ?? (() => 1e11),
    folders: new Map(),
    faults,
  };
  return {
    clock,
    faults,
    /** Never away. */
    ledger: rawLedger,
    source,
    builds: builds as readonly string[],
    notifiers: shared.notifiers,
    database,
    backups,
    checkpoints,
    applied: migrator.appliedIds,
    /** Somebody puts a migration into every release after its plan was made. */
    smuggle(migration: PendingMigration): void {
      for (const [tree, migrations] of Object.entries(byTree)) byTree[tree] = [...migrations, migration];
    },
    channel,
    shared,
    environments,
    environment(name = "production"): FakeEnvironment {
      const found = environments.get(name);
      if (!found) throw new Error(`no environment ${name} in this world`);
      return found;
    },
  };
}

function answeringAfter(ledger: Ledger, clock: Clock, delays: FakesOptions["ledgerAnswersAfterMs"] = {}): Ledger {
  return new Proxy(ledger, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      const ms = delays[key as keyof Ledger];
      if (typeof member !== "function" || ms === undefined) return member;
      return async (...given: unknown[]) => {
        const answer = Promise.resolve(Reflect.apply(member, target, given));
        await Promise.allSettled([answer, clock.sleep(ms)]);
        return answer;
      };
    },
  });
}

const faultOf = ({ databaseFault }: FakesOptions) => (databaseFault ? { fault: databaseFault } : {});

const takingTime = (migrator: Migrator, clock: Clock, ms: number): Migrator => ({
  ...migrator,
  async apply(tree, log, signal) {
    await clock.sleep(ms, signal);
    await migrator.apply(tree, log, signal);
  },
});

/** What the database holds, by table. */
export const liveTables = { orders: 100, users: 20 };

export async function wholeDump(tables: Readonly<Record<string, number>>): Promise<Buffer> {
  const { bytes } = await memoryDatabase({ name: "main", tables }).dump(new AbortController().signal);
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function spoiling(backups: MemoryBackupStore, faults: Faults, spoil?: FakesOptions["spoilBackup"]): MemoryBackupStore {
  return {
    ...backups,
    async put(key: string, bytes: AsyncIterable<Uint8Array>, signal: AbortSignal) {
      if (meets(faults, "storeFull")) throw new Error("ENOSPC: no space left on device");
      const stored = await backups.put(key, bytes, signal);
      const kept = backups.objects.get(key) ?? new Uint8Array();
      if (spoil) backups.objects.set(key, spoil(kept));
      if (meets(faults, "storeSpoils"))
        backups.objects.set(
          key,
          kept.map((byte, at) => (at === 70 ? byte ^ 1 : byte)),
        );
      if (meets(faults, "storeMixesUp")) backups.objects.set(key, await wholeDump({ orders: 110, users: 10 }));
      return stored;
    },
  };
}

/** What waits so long has given up on it: an answer that never came is none. */
const neverAnswers = async (clock: Clock, signal: AbortSignal): Promise<never> => {
  await clock.sleep(hour, signal);
  throw new Error("the channel did not answer within an hour");
};

const notifierOf = (channel: MemoryNotifier, clock: Clock, hangs: () => boolean): Shared["notifiers"][number] => ({
  ...channel,
  wants: () => true,
  tell: (notification, key, signal) =>
    hangs() ? neverAnswers(clock, signal) : channel.tell(notification, key, signal),
});
