/** Lays the layers of one environment on each other: the policy's defaults, `defaults:`, the environment itself. */
import { defaultPolicy, defaultsOf } from "./defaults.ts";
import type { CompleteEnvironment, Configuration, Written } from "./schema.ts";

/** The environment must exist. An explicit value always wins over a default of the policy. */
export function completeEnvironment(configuration: Configuration, environment: string): CompleteEnvironment {
  const own: Written = configuration.environments[environment] ?? {};
  const shared = configuration.defaults;
  const base = defaultsOf(own.policy ?? shared.policy ?? defaultPolicy);
  const complete = layered(layered(base, shared, []), own, []) as CompleteEnvironment;
  // One setting under two names: whichever was written, nearest to the environment, holds for both.
  const action = [own, shared].map(observationAction).find((written) => written !== undefined);
  return action === undefined ? complete : withObservationAction(complete, action);
}

type Action = CompleteEnvironment["observation"]["action"];

const observationAction = (layer: Written): Action | undefined =>
  layer.observation?.action ?? layer.rollback?.on?.observation;

const withObservationAction = (complete: CompleteEnvironment, action: Action): CompleteEnvironment => ({
  ...complete,
  observation: { ...complete.observation, action },
  rollback: { ...complete.rollback, on: { ...complete.rollback.on, observation: action } },
});

/** Mappings are merged; everything else is replaced, lists and secrets too: a source is one thing, never half of two. */
function layered(below: unknown, above: unknown, path: readonly string[]): unknown {
  if (above === undefined) return below;
  if (!isMapping(below) || !isMapping(above) || isValueOrSecret(path)) return above;
  if (isSecretSource(path)) return { ...above, required: above.required ?? below.required };
  const inner = Object.entries(above).map(([key, value]) => {
    const beneath = Object.hasOwn(below, key) ? below[key] : undefined;
    return [key, layered(beneath, value, [...path, key])];
  });
  return { ...below, ...Object.fromEntries(inner) };
}

const isValueOrSecret = (path: readonly string[]): boolean => path[0] === "variables" && path.length === 3;
const isSecretSource = (path: readonly string[]): boolean => path[0] === "secrets" && path.length === 2;

type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping =>
  value !== null && typeof value === "object" && !Array.isArray(value);
