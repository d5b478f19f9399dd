/** Lays the layers of one environment on each other: the policy's defaults, `defaults:`, the environment itself. */
import { defaultPolicy, defaultsOf } from "./defaults.ts";
import type { CompleteEnvironment, Configuration, Written } from "./schema.ts";

/** The environment must exist. An explicit value always wins over a default of the policy. */
export function completeEnvironment(configuration: Configuration, environment: string): CompleteEnvironment {
  const own: Written = configuration.environments[environment] ?? {};
  const shared = configuration.defaults;
  const base = defaultsOf(own.policy ?? shared.policy ?? defaultPolicy);
  const complete = layered(layered(base, withOnePlace(shared), []), withOnePlace(own), []) as CompleteEnvironment;
  // One setting under two names: whichever was written, nearest to the environment, holds for both.
  const action = [own, shared].map(observationAction).find((written) => written !== undefined);
  return action === undefined ? complete : withObservationAction(complete, action);
}

/** A folder that is written nearer than a store takes its place: both say where backups lie. */
function withOnePlace(layer: Written): Written {
  const { backup } = layer;
  if (backup?.folder === undefined || backup.store !== undefined) return layer;
  return { ...layer, backup: { ...backup, store: { kind: "disk", folder: backup.folder } } };
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
  if (!isMapping(below) || !isMapping(above) || isOneThing(path)) return above;
  if (isSecretSource(path)) return { ...above, required: above.required ?? below.required };
  const inner = Object.entries(above).map(([key, value]) => {
    const beneath = Object.hasOwn(below, key) ? below[key] : undefined;
    return [key, layered(beneath, value, [...path, key])];
  });
  return { ...below, ...Object.fromEntries(inner) };
}

/** A value or a secret, and the place of the backups, whose kinds have different keys. */
const isOneThing = (path: readonly string[]): boolean =>
  (path[0] === "variables" && path.length === 3) || path.join(".") === "backup.store";
const isSecretSource = (path: readonly string[]): boolean => path[0] === "secrets" && path.length === 2;

type Mapping = Readonly<Record<string, unknown>>;
const isMapping = (value: unknown): value is Mapping =>
  value !== null && typeof value === "object" && !Array.isArray(value);
