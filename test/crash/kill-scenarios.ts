/** The kinds of deployment that are killed, and what each has done to the world when nothing disturbs it. */
import { setTimeout as pause } from "node:timers/promises";
import type { Outcome } from "../../src/domain/outcome.ts";
import type { Serving } from "../../src/domain/serving.ts";
import type { DeploymentRow } from "../../src/ports/ledger.ts";
import type { Ground, KillPlace, ReleaseKind } from "./kill-place.ts";

export interface KillScenario {
  readonly name: string;
  readonly what: string;
  readonly outcome: Outcome;
  /** Of `sluice resume --wait`. */
  readonly exitCode: number;
  /** Who serves afterwards. */
  readonly serves: "the new one" | "the one before";
  /** Effects of one whole deployment, each counted where it happened. */
  readonly starts: number;
  readonly backups: number;
  readonly migrations: number;
  /** Nobody loses a request, and nobody gets an error but from a release that answers with errors. */
  readonly errors: boolean;
  /** People may hear an alert on the way: where the buckets' edges fall decides whether a weight is held for a moment before it goes back. */
  readonly alerts: boolean;
  readonly first: boolean;
  /** The step at which it begins to differ from a forward deployment; points before it are those of `forward`. */
  readonly from: string | undefined;
  begin(place: KillPlace, ground: Ground): Promise<DeploymentRow>;
  /** What people do meanwhile; ends when `over` is aborted. */
  during?(place: KillPlace, id: string, over: AbortSignal): Promise<void>;
}

const deploying =
  (kind: ReleaseKind): KillScenario["begin"] =>
  async (place, ground) =>
    place.begin(ground, { kind: "deploy", ...(await place.release(kind)) });

const forward: KillScenario = {
  name: "forward",
  what: "a good release: backup, migration, two weights, smoke, promotion, retirement",
  outcome: "succeeded",
  exitCode: 0,
  serves: "the new one",
  starts: 1,
  backups: 1,
  migrations: 1,
  errors: false,
  alerts: false,
  first: false,
  from: undefined,
  begin: deploying({ behaviour: "healthy" }),
};

export const killScenarios: readonly KillScenario[] = [
  forward,
  {
    ...forward,
    name: "canary",
    what: "a release that answers every second request with 500: rolled back from its first weight",
    outcome: "rolled-back",
    exitCode: 4,
    serves: "the one before",
    errors: true,
    alerts: true,
    from: "start",
    begin: deploying({ behaviour: "fails-half" }),
  },
  {
    ...forward,
    name: "failing",
    what: "a release whose migration fails: it ends before any traffic",
    outcome: "failed",
    exitCode: 1,
    serves: "the one before",
    starts: 0,
    migrations: 0,
    from: "migrate",
    begin: deploying({ behaviour: "healthy", failingMigration: true }),
  },
  {
    ...forward,
    name: "rollback",
    what: "back by hand to the version before, which is started again",
    backups: 0,
    migrations: 0,
    async begin(place, ground) {
      const history = await place.state.ledger.servingHistory(ground.settings.environment, 50);
      const before = history.find(({ version }) => version !== history[0]?.version);
      if (before === undefined) throw new Error("there is no version before");
      const { version, commit } = before.detail as unknown as Serving;
      return place.begin(ground, { kind: "rollback", version, commit });
    },
  },
  {
    ...forward,
    name: "cancel",
    what: "a good release, cancelled by a person as soon as it has traffic",
    outcome: "cancelled",
    exitCode: 9,
    serves: "the one before",
    from: "start",
    async begin(place, { settings, ...ground }) {
      const { rollout } = settings;
      const slow = {
        ...rollout,
        steps: [
          { percent: 50, bakeMs: 20_000 },
          { percent: 100, bakeMs: 200 },
        ],
      };
      return deploying({ behaviour: "healthy" })(place, { ...ground, settings: { ...settings, rollout: slow } });
    },
    during: cancelOnceShifted,
  },
  {
    ...forward,
    name: "first",
    what: "the first deployment of an environment: nothing serves, nothing to fall back on",
    first: true,
    from: "lock",
  },
];

async function cancelOnceShifted({ state }: KillPlace, id: string, over: AbortSignal): Promise<void> {
  let seen = 0;
  while (!over.aborted) {
    for (const event of await state.ledger.events(id, seen)) {
      seen = event.seq;
      if (!(event.detail as { readonly shifted?: boolean } | null)?.shifted) continue;
      return state.ledger.requestCancel(id, "ada", "seen enough");
    }
    await pause(20);
  }
}
