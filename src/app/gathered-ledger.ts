/**
 * The ledger as a process uses it that runs many deployments: their heartbeats go together, and what a heartbeat says is not there
 * is not asked for. A thousand that wait would else ask three thousand times a second whether anything is new.
 */
import type { Clock } from "../ports/clock.ts";
import type { Attended, Beat, Ledger } from "../ports/ledger.ts";

/** So few are not worth a delay. */
const few = 4;
/** Much less than a heartbeat's interval. */
const gatherMs = 200;
/**
 * What was heard is believed until the next heartbeat brings news, so that a slow ledger is not asked the more. Only where
 * heartbeats fail it is asked for itself again.
 */
const believedMs = 6_000;

interface Asked {
  readonly beat: Beat;
  readonly resolve: (answer: Promise<Pick<Attended, "cancelRequested">>) => void;
}

/** @param running how many the process runs now. */
export function gatheredLedger(ledger: Ledger, clock: Clock, running: () => number): Ledger {
  const heard = new Map<string, Attended & { readonly atMs: number }>();
  let asked: Asked[] = [];

  async function flush(): Promise<void> {
    await clock.sleep(gatherMs);
    const together = asked;
    asked = [];
    const answers = ledger.heartbeats(together.map(({ beat }) => beat)).then((all) => {
      for (const each of all) heard.set(each.id, { ...each, atMs: clock.now() });
      return new Map(all.map((each) => [each.id, each]));
    });
    for (const { beat, resolve } of together) resolve(answers.then((all) => all.get(beat.id) ?? alone(beat)));
  }

  const alone = ({ id, attempt, leaseMs }: Beat) => ledger.heartbeat(id, attempt, leaseMs);

  /** Undefined: nothing is known. */
  function lately(id: string): Attended | undefined {
    const known = heard.get(id);
    if (known === undefined) return undefined;
    if (clock.now() - known.atMs <= believedMs) return known;
    heard.delete(id);
    return undefined;
  }

  return {
    ...ledger,
    heartbeat(id, attempt, leaseMs) {
      const beat = { id, attempt, leaseMs };
      if (running() <= few) {
        heard.delete(id);
        return alone(beat);
      }
      const { promise, resolve } = Promise.withResolvers<Pick<Attended, "cancelRequested">>();
      // `flush` never rejects: a failure reaches each of those who asked.
      if (asked.push({ beat, resolve }) === 1) void flush();
      return promise;
    },
    undeliveredMessages: async (id) => (lately(id)?.hasMessages === false ? [] : ledger.undeliveredMessages(id)),
    dueNotifications: async (limit, id) =>
      id !== undefined && lately(id)?.hasNotifications === false ? [] : ledger.dueNotifications(limit, id),
  };
}
