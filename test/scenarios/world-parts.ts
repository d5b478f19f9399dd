/** The parts of one environment as one process of the scenario gets them: once the process is dead, nothing it calls happens. */
import { createHash, hash } from "node:crypto";
import { grammarAtHand } from "../../src/adapters/postgres-grammar/grammar.ts";
import { redactor } from "../../src/domain/redactor.ts";
import { Secret } from "../../src/domain/secret.ts";
import type { EnvironmentSettings } from "../../src/domain/settings.ts";
import { percentOf } from "../../src/domain/traffic.ts";
import { fail, pass, type Verdict } from "../../src/domain/verdict.ts";
import type { Parts } from "../../src/pipeline/parts.ts";
import type { BackupStore } from "../../src/ports/backup-store.ts";
import type { Builder } from "../../src/ports/builder.ts";
import type { Check } from "../../src/ports/check.ts";
import type { Checkpoints } from "../../src/ports/checkpoints.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Database } from "../../src/ports/database.ts";
import type { Host } from "../../src/ports/host.ts";
import type { Ledger } from "../../src/ports/ledger.ts";
import type { Migrator } from "../../src/ports/migrator.ts";
import type { RunFolder } from "../../src/ports/run-folder.ts";
import type { Source } from "../../src/ports/source.ts";
import type { Instance } from "../../src/ports/target.ts";
import type { VulnerabilityAudit } from "../../src/ports/vulnerability-audit.ts";
import { memoryCheck } from "../../src/testing/memory-check.ts";
import { type Faults, meets } from "./world-faults.ts";
import type { Place } from "./world-place.ts";
import { sentinel } from "./world-settings.ts";
import type { Releases } from "./world-sources.ts";
import { seenThrough } from "./world-wrap.ts";

const sqlGrammar = await grammarAtHand();

export interface Shared {
  readonly clock: Clock;
  readonly ledger: Ledger;
  readonly source: Source;
  readonly builder: Builder;
  readonly database: Database;
  readonly migrator: Migrator;
  readonly backups: BackupStore;
  readonly checkpoints: Checkpoints;
  readonly releases: Releases;
  readonly notifiers: Parts["notifiers"];
  /** Absent: no gate is configured. */
  readonly ci: (() => Verdict) | undefined;
  readonly vulnerabilities: VulnerabilityAudit | undefined;
  readonly missingSecrets: readonly string[];
  readonly freeDiskBytes: () => number;
  /** Deployment → file → text. */
  readonly folders: Map<string, Map<string, string>>;
  readonly faults: Faults;
  /** What an instance answered to its health check. */
  readonly onAnswer?: (instance: Instance, verdict: Verdict) => void;
}

/** Something that a process did to the world. */
export interface Act {
  readonly atMs: number;
  readonly executorId: string;
  readonly what: string;
}

const changing = new Set(["claim", "start", "stop", "shift", "drain", "prune", "apply", "build", "put", "putManifest"]);

/** Just before a process calls something of the world, and just after it was done there. */
export type OnCall = (what: string, executorId: string, when: "before" | "after", answer?: unknown) => void;

export interface Notes {
  readonly clock: Clock;
  readonly acts: Act[];
  readonly onCall: OnCall | undefined;
}

/** Writes down which process changed what, and when it began to. */
export function noting<T extends object>(part: T, executorId: string, { clock, acts, onCall }: Notes): T {
  return seenThrough(part, (call, what) => {
    const isChange = changing.has(what);
    if (!isChange && onCall === undefined) return undefined;
    return (...given) => {
      if (isChange) acts.push({ atMs: clock.now(), executorId, what });
      onCall?.(what, executorId, "before");
      const answer = call(...given);
      if (onCall === undefined || !(answer instanceof Promise)) return answer;
      return answer.then((value: unknown) => {
        onCall(what, executorId, "after", value);
        return value;
      });
    };
  });
}

export type Mortal = <T extends object>(part: T) => T;

export function partsOf(settings: EnvironmentSettings, place: Place, shared: Shared, mortal: Mortal): Parts {
  const { ci } = shared;
  const secret = new Secret("API_KEY", sentinel);
  const redact = redactor([secret]);
  return {
    settings,
    clock: mortal(shared.clock),
    ledger: mortal(shared.ledger),
    source: mortal(shared.source),
    builder: mortal(shared.builder),
    ciGate: ci && mortal({ kind: "memory", passed: async () => ({ verdict: ci(), detail: "the gate says so" }) }),
    ...(shared.vulnerabilities ? { vulnerabilities: mortal(shared.vulnerabilities) } : {}),
    target: mortal(place.faultyTarget),
    routers: new Map([...place.faultyRouters].map(([name, router]) => [name, mortal(router)])),
    metricSources: [],
    databases: [mortal(shared.database)],
    migrators: [mortal(shared.migrator)],
    sqlGrammar: mortal(sqlGrammar),
    backups: mortal(shared.backups),
    hosts: [mortal(hostOf(shared))],
    checks: checksOf(place, shared),
    secrets: {
      missing: () =>
        settings.secrets
          .filter(({ name }) => shared.missingSecrets.includes(name))
          .map(({ name, required }) => ({ name, required, source: `variable ${name}` })),
      resolve: (value) => (typeof value === "string" ? value : secret),
    },
    notifiers: shared.notifiers.map((notifier) => mortal(notifier)),
    redactor: redact,
    checkpoints: mortal(shared.checkpoints),
    runFolder: (id) => mortal(memoryFolder(id, shared, redact.text)),
    proofFault: async ({ comment }) => (comment === "forged" ? "the signature does not fit" : undefined),
    sha256: (text) => hash("sha256", text),
    hashOf,
  };
}

/** Instances answer for themselves; services answer as whoever has most of the traffic. */
function checksOf(place: Place, { releases, faults, onAnswer }: Shared): Parts["checks"] {
  const answerOf = async (instance: Instance, version: string | null): Promise<Verdict> =>
    meets(faults, "healthLies") ? fail("503, and nothing is the matter") : honestAnswerOf(instance, version);
  const honestAnswerOf = async (instance: Instance, version: string | null): Promise<Verdict> => {
    const seen = (await place.target.observe(new AbortController().signal)).find(
      ({ component, revision, endpoint }) =>
        component === instance.component && revision === instance.revision && endpoint.port === instance.endpoint.port,
    );
    if (seen?.state !== "running") return fail("connection refused");
    const { start, health } = releases[instance.version] ?? {};
    const answers = start?.kind === "ready" ? (start.answersVersion ?? instance.version) : instance.version;
    if (version !== null && answers !== version) return fail(`names version ${answers}, expected ${version}`);
    return health?.() ?? pass;
  };
  const mainInstance = async (component: string): Promise<Instance | undefined> => {
    const split = (await place.routers.get(component)?.observe(new AbortController().signal)) ?? [];
    const [most] = [...split].sort((a, b) => percentOf(split, b.revision) - percentOf(split, a.revision));
    const all = await place.target.observe(new AbortController().signal);
    return all.find((each) => each.component === component && each.revision === most?.revision);
  };
  const serviceCheck = (component: string, version: string | null): Check =>
    asked(component, async () => {
      const instance = await mainInstance(component);
      return instance ? answerOf(instance, version) : fail("nothing answers");
    });
  return {
    instances: (instances, version) =>
      instances.map((instance) =>
        asked(`${instance.component}:${instance.endpoint.port}`, async () => {
          const verdict = await answerOf(instance, version);
          onAnswer?.(instance, verdict);
          return verdict;
        }),
      ),
    services: (version) => [...place.routers.keys()].map((component) => serviceCheck(component, version)),
    smoke: () => [
      asked("journey", async () => {
        const instance = await mainInstance("web");
        return (instance && releases[instance.version]?.smoke?.()) ?? pass;
      }),
    ],
  };
}

/** A check whose answer has to be looked for. */
const asked = (name: string, answer: () => Promise<Verdict>): Check => ({
  name,
  critical: true,
  async probe(signal) {
    signal.throwIfAborted();
    const verdict = await answer();
    return memoryCheck({ name, answer: () => verdict }).probe(signal);
  },
});

const hostOf = ({ freeDiskBytes }: Shared): Host => ({
  name: "host-1",
  facts: async () => ({
    name: "host-1",
    freeDiskBytes: freeDiskBytes(),
    freeMemoryBytes: 4e9,
    totalMemoryBytes: 8e9,
    loadPerCpu: 0.3,
  }),
});

function memoryFolder(id: string, { folders, faults }: Shared, redact: (text: string) => string): RunFolder {
  const files = folders.get(id) ?? new Map<string, string>();
  folders.set(id, files);
  let writes = 0;
  const refuseWhenDown = () => {
    if (meets(faults, "recordsFolderDown")) throw new Error("ENOSPC: no space left on device");
    if (faults.recordsWriteErrors && ++writes % 2 === 1 && meets(faults, "recordsWriteErrors")) {
      throw new Error("EIO: i/o error, fsync");
    }
  };
  return {
    location: `/srv/records/${id}`,
    async append(file, text) {
      refuseWhenDown();
      files.set(file, (files.get(file) ?? "") + redact(text));
    },
    async write(file, text) {
      refuseWhenDown();
      files.set(file, redact(text));
    },
  };
}

async function hashOf(bytes: AsyncIterable<Uint8Array>): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  for await (const chunk of bytes) {
    hash.update(chunk);
    sizeBytes += chunk.byteLength;
  }
  return { sha256: hash.digest("hex"), sizeBytes };
}
