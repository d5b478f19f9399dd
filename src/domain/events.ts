/**
 * The events of a deployment are its only story: status, dashboard, records, audit and notifications read nothing else.
 * Each event's hash covers the one before it (rule 7).
 */
import type { Json } from "./json.ts";

export interface NewEvent {
  /** Null: an event of the environment, not of one deployment. */
  readonly deploymentId: string | null;
  readonly environment: string;
  /** The stage or action, e.g. `backup`, `rollout`, `approve`. */
  readonly step: string;
  readonly phase: "begin" | "progress" | "end";
  /** With deployment, step, attempt and phase makes the event unique; empty for the one begin and the one end of a step. */
  readonly key: string;
  /** One line for people. */
  readonly title: string;
  /** `ok` and `info` are good news; `warn` wants reading; `bad` is a failure. */
  readonly tone: "info" | "ok" | "warn" | "bad";
  /** Who did it, for actions by people. */
  readonly actor: string | null;
  readonly detail: Json;
}

export interface DeploymentEvent extends NewEvent {
  readonly seq: number;
  readonly attempt: number;
  readonly atMs: number;
  /** SHA-256, hex, over the previous hash and this event's canonical JSON. */
  readonly hash: string;
}

/** The text that is hashed: the same keys in the same order, whatever the store gave back. */
export const canonicalEvent = (event: Omit<DeploymentEvent, "hash">): string =>
  JSON.stringify([
    event.deploymentId,
    event.environment,
    event.seq,
    event.attempt,
    event.step,
    event.phase,
    event.key,
    event.title,
    event.tone,
    event.actor,
    event.atMs,
    sortKeys(event.detail),
  ]);

/** The same text for the same value, whatever order its keys came in. */
export const canonicalJson = (value: Json): string => JSON.stringify(sortKeys(value));

/** PostgreSQL's jsonb does not keep the order of keys. */
function sortKeys(value: Json): Json {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== "object") return value;
  const members = value as { readonly [key: string]: Json };
  const keys = Object.keys(members);
  if (keys.length === 0) return value;
  return Object.fromEntries(keys.sort().map((key) => [key, sortKeys(members[key] as Json)]));
}
