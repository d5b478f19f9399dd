/**
 * Z4: is the story still the one that was written? Each event's hash covers the one before it, so an edit, a gap or a change of
 * order shows at its first place. Whoever can rewrite the whole chain, its recorded end included, leaves nothing inside it that
 * tells: that is found by checkpoints, ends of chains that were written down in a second place.
 */
import { canonicalEvent, type DeploymentEvent } from "./events.ts";

/** The events of one deployment, or those of an environment that belong to no deployment. */
export interface Chain {
  readonly kind: "deployment" | "environment";
  readonly id: string;
}

/** Empty hash and 0 before the first event. */
export interface ChainEnd {
  readonly seq: number;
  /** SHA-256, hex. */
  readonly hash: string;
}

export interface StoredChain {
  readonly chain: Chain;
  /** What the ledger noted beside the events, in the deployment's or environment's own row; null where that row is gone. */
  readonly end: ChainEnd | null;
  /** All of them, by their sequence numbers. */
  readonly events: readonly DeploymentEvent[];
}

export interface Checkpoint extends ChainEnd {
  readonly ledgerId: string;
  readonly chain: Chain;
  /** When it was taken, by the clock of the machine that took it. */
  readonly atMs: number;
}

/**
 * `changed`: the event, or the one before it, is not what was written · `missing`: events are gone from here ·
 * `reordered`: another event's place · `foreign`: it belongs to another chain, or was put in behind the end ·
 * `cut`: the last events are gone · `rewritten`: whole in itself, but not what the checkpoint saw ·
 * `disagrees`: a row beside the events says something else than they do.
 */
export type FaultKind = "changed" | "missing" | "reordered" | "foreign" | "cut" | "rewritten" | "disagrees";

/** The first place that does not hold. The place is exact; the kind is the simplest explanation of it. */
export interface Fault {
  readonly chain: Chain;
  readonly seq: number;
  readonly kind: FaultKind;
  /** Goes on after "event 7: ". */
  readonly message: string;
}

/** @returns lower-case hex. */
export type Sha256 = (text: string) => string;

/** What an event's hash is made of. */
export const linkText = (previousHash: string, event: Omit<DeploymentEvent, "hash">): string =>
  previousHash + canonicalEvent(event);

/** What is signed of a checkpoint: always these keys in this order. */
export const checkpointText = ({ ledgerId, chain, seq, hash, atMs }: Checkpoint): string =>
  JSON.stringify({ ledgerId, chain: { kind: chain.kind, id: chain.id }, seq, hash, atMs });

export const chainName = ({ kind, id }: Chain): string => `${kind} ${id}`;

/** Undefined where every event follows from the one before, and the last one is the one the ledger noted. */
export function chainFault({ chain, end, events }: StoredChain, sha256: Sha256): Fault | undefined {
  let previousHash = "";
  for (const [index, event] of events.entries()) {
    const seq = index + 1;
    const found = placeFault(chain, event, seq, events) ?? linkFault({ chain, seq, previousHash, events }, sha256);
    if (found) return found;
    previousHash = event.hash;
  }
  return endFault(chain, end, { seq: events.length, hash: previousHash });
}

function placeFault(
  chain: Chain,
  event: DeploymentEvent,
  seq: number,
  events: readonly DeploymentEvent[],
): Fault | undefined {
  if (!belongs(event, chain)) return { chain, seq, kind: "foreign", message: "it belongs to another chain" };
  if (event.seq === seq) return undefined;
  if (event.seq < seq) {
    return { chain, seq, kind: "reordered", message: `an event with the number ${event.seq} stands here` };
  }
  const later = events.some((other) => other.seq === seq && belongs(other, chain));
  if (later) return { chain, seq, kind: "reordered", message: `event ${event.seq} stands here` };
  const gone = event.seq - seq;
  const message = gone === 1 ? "it is gone" : `it and the ${gone - 1} after it are gone`;
  return { chain, seq, kind: "missing", message };
}

const belongs = ({ deploymentId, environment }: DeploymentEvent, { kind, id }: Chain): boolean =>
  kind === "deployment" ? deploymentId === id : deploymentId === null && environment === id;

interface Link {
  readonly chain: Chain;
  readonly seq: number;
  readonly previousHash: string;
  readonly events: readonly DeploymentEvent[];
}

function linkFault({ chain, seq, previousHash, events }: Link, sha256: Sha256): Fault | undefined {
  const fits = ({ hash, ...facts }: DeploymentEvent) => sha256(linkText(previousHash, { ...facts, seq })) === hash;
  const event = events[seq - 1];
  if (event === undefined || fits(event)) return undefined;
  const rightful = events.find((other) => other !== event && belongs(other, chain) && fits(other));
  if (rightful) {
    return { chain, seq, kind: "reordered", message: `the event that belongs here has the number ${rightful.seq} now` };
  }
  return { chain, seq, kind: "changed", message: "it is not what was written here, or the event before it is not" };
}

function endFault(chain: Chain, noted: ChainEnd | null, found: ChainEnd): Fault | undefined {
  if (noted === null) {
    return found.seq === 0
      ? undefined
      : { chain, seq: found.seq, kind: "missing", message: `the ${chain.kind} that these events tell of is gone` };
  }
  if (found.seq < noted.seq) {
    return { chain, seq: found.seq + 1, kind: "cut", message: `the story ends before it; it had ${noted.seq} events` };
  }
  if (found.seq > noted.seq) {
    return { chain, seq: noted.seq + 1, kind: "foreign", message: `it was put in: the story had ${noted.seq} events` };
  }
  if (found.hash === noted.hash) return undefined;
  return { chain, seq: found.seq, kind: "changed", message: "it is not the last event that the ledger noted" };
}

/** What the checkpoint saw is still there, at its place. Says nothing about what came after it. */
export function checkpointFault(
  { chain, seq, hash, atMs }: Checkpoint,
  stored: Pick<StoredChain, "events"> | undefined,
): Fault | undefined {
  const at = new Date(atMs).toISOString();
  const events = stored?.events ?? [];
  if (events.length === 0 && seq > 0) {
    return { chain, seq: 1, kind: "cut", message: `nothing is left; the checkpoint of ${at} saw ${seq} events` };
  }
  if (events.length < seq) {
    const message = `the story ends before it; the checkpoint of ${at} saw ${seq} events`;
    return { chain, seq: events.length + 1, kind: "cut", message };
  }
  if (seq === 0 || events[seq - 1]?.hash === hash) return undefined;
  return { chain, seq, kind: "rewritten", message: `it, or one before it, is not what the checkpoint of ${at} saw` };
}
