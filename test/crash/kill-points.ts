/**
 * Kill points: places in a deployment's code where its process can be killed. Counting proxies around the flow and the parts
 * name each place as it is reached, `<step> · <moment>` or `<step> · <moment> <part>.<call>#<n>`, so that the same place has the same
 * name in the next run. Nothing in src/ knows of them.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import type { Parts } from "../../src/pipeline/parts.ts";
import type { Clock } from "../../src/ports/clock.ts";
import type { Flow, FlowEngine } from "../../src/ports/flow.ts";
import type { Ledger } from "../../src/ports/ledger.ts";

/** Called with every point as it is reached; to kill, it does not return. */
export type Reached = (point: string) => void;

export interface Watch {
  readonly engine: (engine: FlowEngine) => FlowEngine;
  readonly ledger: (ledger: Ledger) => Ledger;
  readonly parts: (parts: Parts) => Parts;
}

/** What a process does beside the steps: taking charge, heartbeats, renewals, deliveries. */
const besideSteps = "beside the steps";

/**
 * Calls that change something outside the process. Of what is called again and again for as long as it takes, the first `most`
 * are points; the others come at no fixed place.
 */
const effects: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  target: { claim: 9, start: 9, stop: 9, prune: 9 },
  router: { claim: 9, shift: 1, drain: 9 },
  migrator: { apply: 9 },
  database: { dump: 9, readBack: 9, rehearse: 9 },
  backups: { put: 9, putManifest: 9, remove: 9 },
  builder: { build: 9 },
  checkpoints: { append: 9 },
  files: { write: 9 },
  notifier: { tell: 9 },
  clock: { sleep: 1 },
  ledger: {
    acquireLock: 9,
    beginAttempt: 9,
    clearServing: 9,
    enqueueNotifications: 9,
    finish: 9,
    heartbeat: 1,
    notificationDelivered: 9,
    releaseLock: 9,
    saveRecord: 9,
    setServing: 9,
    setState: 9,
  },
};

export function watch(reached: Reached): Watch {
  const scope = new AsyncLocalStorage<string>();
  const counts = new Map<string, number>();
  const numbered = (name: string): { readonly n: number; readonly label: string } => {
    const n = (counts.get(name) ?? 0) + 1;
    counts.set(name, n);
    return { n, label: n === 1 ? name : `${name}#${n}` };
  };

  function part<T extends object>(name: string, watched: T): T {
    const members = effects[name] ?? {};
    return new Proxy(watched, {
      get(object, key) {
        const member: unknown = Reflect.get(object, key, object);
        const most = typeof key === "string" ? members[key] : undefined;
        if (typeof member !== "function") return member;
        if (most === undefined) return member.bind(object);
        return async (...given: unknown[]): Promise<unknown> => {
          const step = scope.getStore() ?? besideSteps;
          // Not awaited first: the order in which things are called stays what it is.
          const call = `${name}.${String(key)}`;
          const { n } = numbered(`${step} ${call}`);
          const tell = (moment: string) => n <= most && reached(`${step} · ${moment} ${call}#${n}`);
          tell("before");
          const result: unknown = await Reflect.apply(member, object, given);
          tell("after");
          return result;
        };
      },
    });
  }

  const clock = (watched: Clock): Clock => {
    const inSteps = part("clock", watched);
    // The heartbeat's own pauses are no points.
    return {
      now: () => watched.now(),
      sleep: (...given) => (scope.getStore() === undefined ? watched.sleep(...given) : inSteps.sleep(...given)),
    };
  };

  return {
    engine: (engine) => ({
      ...engine,
      register: (name, body) =>
        engine.register(name, (flow, input) => body(watchedFlow(flow, { scope, numbered, reached }), input)),
    }),
    ledger: (ledger) => part("ledger", ledger),
    parts: (parts) => ({
      ...parts,
      clock: clock(parts.clock),
      target: part("target", parts.target),
      routers: new Map([...parts.routers].map(([name, router]) => [name, part("router", router)])),
      migrators: parts.migrators.map((migrator) => part("migrator", migrator)),
      databases: parts.databases.map((database) => part("database", database)),
      backups: part("backups", parts.backups),
      builder: part("builder", parts.builder),
      checkpoints: part("checkpoints", parts.checkpoints),
      notifiers: parts.notifiers.map((notifier) => part("notifier", notifier)),
      runFolder: (id) => part("files", parts.runFolder(id)),
    }),
  };
}

interface Scene {
  readonly scope: AsyncLocalStorage<string>;
  readonly numbered: (name: string) => { readonly label: string };
  readonly reached: Reached;
}

/** Each entry of the journal: before the body and after it (steps), and once it is recorded. */
function watchedFlow(flow: Flow, { scope, numbered, reached }: Scene): Flow {
  const recorded = async <T>(label: string, entry: Promise<T>): Promise<T> => {
    try {
      return await entry;
    } finally {
      reached(`${label} · recorded`);
    }
  };
  const entry = <T>(kind: string, made: () => Promise<T>) => recorded(numbered(`journal ${kind}`).label, made());
  return {
    id: flow.id,
    step(name, body) {
      const { label } = numbered(name);
      const watched = async () => {
        reached(`${label} · before its body`);
        try {
          return await body();
        } finally {
          reached(`${label} · after its body`);
        }
      };
      return recorded(
        label,
        flow.step(name, () => scope.run(label, watched)),
      );
    },
    sleep: (ms) => entry("sleep", () => flow.sleep(ms)),
    waitFor: (topic, timeoutMs) => entry("wait", () => flow.waitFor(topic, timeoutMs)),
    now: () => entry("now", () => flow.now()),
    publish: (key, value) => entry("publish", () => flow.publish(key, value)),
  };
}
