/**
 * When the router had which weights, seen from outside: its state is a file that it replaces, and flushes, just before it acts on it.
 * The times are those of the file, so that it does not matter how late we look.
 */
import { readFileSync, statSync, watch } from "node:fs";
import { join } from "node:path";

export interface WeightsAt {
  readonly atMs: number;
  /** Percent of each version that has some, as the file says. */
  readonly percents: readonly number[];
}

export interface WeightLog {
  readonly all: readonly WeightsAt[];
  stop(): void;
}

interface State {
  readonly routes: Readonly<Record<string, { readonly split: readonly { readonly percent: number }[] }>>;
}

export function watchWeights(folder: string): WeightLog {
  const file = join(folder, "state.json");
  const all: WeightsAt[] = [];
  const look = () => {
    // A rename sets the time of change, after the flush; the time of the content would be too early.
    const { ctimeMs } = statSync(file);
    const { routes } = JSON.parse(readFileSync(file, "utf8")) as State;
    // A lane has one component, so one route.
    const [route] = Object.values(routes);
    const percents = (route?.split ?? []).map(({ percent }) => percent).filter((percent) => percent > 0);
    if (all.at(-1)?.percents.join() !== percents.join()) all.push({ atMs: ctimeMs, percents });
  };
  look();
  const watcher = watch(folder, (_, name) => {
    if (name === "state.json") look();
  });
  return { all, stop: () => watcher.close() };
}
