/** Lays the layers of one environment on each other: the policy's defaults, `defaults:`, the environment itself. */
import { defaultPolicy, defaultsOf } from "./defaults.ts";
import type { CompleteEnvironment, Configuration, Written } from "./schema.ts";

/** The environment must exist. An explicit value always wins over a default of the policy. */
export function completeEnvironment(configuration: Configuration, environment: string): CompleteEnvironment {
  const own: Written = configuration.environments[environment] ?? {};
  const shared = configuration.defaults;
  const base = defaultsOf(own.policy ?? shared.policy ?? defaultPolicy);
  return layered(layered(base, shared, []), own, []) as CompleteEnvironment;
}

/** Mappings are merged; everything else is replaced, lists and secrets too: a source is one thing, never half of two. */
function layered(below: unknown, above: unknown, path: readonly string[]): unknown {
  if (above === undefined) return below;
  if (!isMapping(below) || !isMapping(above)) return above;
  if (path[0] === "variables" && path.length === 3) return above;
  if (path[0] === "secrets" && path.length === 2) return { ...above, required: above.required ?? below.required };
  const merged: Record<string, unknown> = { ...below };
  for (const [key, value] of Object.entries(above)) {
    merged[key] = layered(Object.hasOwn(below, key) ? below[key] : undefined, value, [...path, key]);
  }
  return merged;
}

type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping =>
  value !== null && typeof value === "object" && !Array.isArray(value);
