/**
 * Z4: the whole ledger, verified: every chain of events in itself, then against the checkpoints kept elsewhere, then the rows
 * beside it. Reads only. What it cannot see it says, since "intact" must not be said of what nobody could have noticed.
 */
import { createHash } from "node:crypto";
import {
  type Chain,
  type Checkpoint,
  chainFault,
  chainName,
  checkpointFault,
  type Fault,
  type StoredChain,
} from "../domain/audit.ts";
import { type DeploymentFacts, factsFault, votesFault } from "../domain/audit-rows.ts";
import type { Checkpoints, KeptCheckpoint } from "../ports/checkpoints.ts";
import type { Ledger } from "../ports/ledger.ts";

export interface CheckpointPlace {
  readonly location: string;
  readonly checkpoints: number;
  readonly signed: number;
  readonly unsigned: number;
  /** Signed, and nobody said whether the key is trusted. */
  readonly unproven: number;
  readonly ofOtherLedgers: number;
  readonly unreadableLines: readonly number[];
}

/** A fault of a chain, or of the place that should prove it. */
export interface FoundFault {
  /** `deployment 1795…`, `environment production`, or a file and its line. */
  readonly where: string;
  /** The event; null where it is not about one. */
  readonly seq: number | null;
  readonly kind: Fault["kind"] | "signature" | "ledger";
  readonly message: string;
  readonly chain: Chain | null;
}

export interface AuditReport {
  readonly intact: boolean;
  readonly ledgerId: string | null;
  readonly deployments: number;
  readonly environments: number;
  readonly events: number;
  /** Events that a checkpoint covers: cut off or rewritten, they would have been found. */
  readonly coveredEvents: number;
  readonly places: readonly CheckpointPlace[];
  /** The first of each chain. */
  readonly faults: readonly FoundFault[];
  readonly cannotSee: readonly string[];
}

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

interface Kept {
  readonly location: string;
  readonly kept: readonly KeptCheckpoint[];
  readonly place: CheckpointPlace;
}

/** @param ledger undefined where there is none: what checkpoints tell of is then gone. */
export async function verifyAudit(
  ledger: Ledger | undefined,
  places: readonly Checkpoints[],
  signal: AbortSignal,
): Promise<AuditReport> {
  // Before the events: a checkpoint that is written meanwhile must not tell of events that were read before it.
  const kept: Kept[] = [];
  for (const place of places) kept.push(await keptIn(place, ledger?.id, signal));
  const believed = kept
    .flatMap((each) => each.kept.filter(({ signature }) => signature.kind !== "invalid"))
    .map(({ checkpoint }) => checkpoint);
  const chains = ledger ? await verifyChains(ledger, believed, signal) : [];
  const faults = [
    ...kept.flatMap(signatureFaults),
    ...(ledger ? [] : kept.flatMap(lostLedger)),
    ...chains.flatMap(({ fault }) => (fault ? [fault] : [])),
  ];
  const report = {
    ledgerId: ledger?.id ?? null,
    deployments: chains.filter(({ chain }) => chain.kind === "deployment").length,
    environments: chains.filter(({ chain, events }) => chain.kind === "environment" && events > 0).length,
    events: chains.reduce((sum, { events }) => sum + events, 0),
    coveredEvents: chains.reduce((sum, { covered }) => sum + covered, 0),
    places: kept.map(({ place }) => place),
    faults,
  };
  return { intact: faults.length === 0, ...report, cannotSee: cannotSee(report) };
}

interface VerifiedChain {
  readonly chain: Chain;
  readonly events: number;
  readonly covered: number;
  readonly fault: FoundFault | undefined;
}

async function verifyChains(
  ledger: Ledger,
  believed: readonly Checkpoint[],
  signal: AbortSignal,
): Promise<readonly VerifiedChain[]> {
  const byChain = Map.groupBy(believed, ({ chain }) => chainName(chain));
  const own = (name: string) => (byChain.get(name) ?? []).filter(({ ledgerId }) => ledgerId === ledger.id);
  const there = (await ledger.chains()).map((chain) => [chainName(chain), chain] as const);
  const seen = [...byChain].flatMap(([name]) =>
    own(name)
      .slice(0, 1)
      .map(({ chain }) => [name, chain] as const),
  );
  const verified: VerifiedChain[] = [];
  for (const [name, chain] of new Map([...there, ...seen])) {
    signal.throwIfAborted();
    const stored = await ledger.chain(chain);
    const fault =
      (await firstFault(ledger, stored, own(name))) ?? renamedLedger(ledger, stored, byChain.get(name) ?? []);
    const last = Math.max(0, ...own(name).map(({ seq }) => seq));
    const covered = Math.min(stored.events.length, last);
    verified.push({ chain, events: stored.events.length, covered, fault: fault && { ...fault, where: name } });
  }
  return verified;
}

async function firstFault(
  ledger: Ledger,
  stored: StoredChain,
  checkpoints: readonly Checkpoint[],
): Promise<Fault | undefined> {
  const inItself = chainFault(stored, sha256);
  if (inItself) return inItself;
  const against = checkpoints.map((checkpoint) => checkpointFault(checkpoint, stored));
  return against.find((fault) => fault !== undefined) ?? rowsFault(ledger, stored);
}

async function keptIn(place: Checkpoints, ledgerId: string | undefined, signal: AbortSignal): Promise<Kept> {
  const { checkpoints, unreadable } = await place.list(signal);
  const having = (kind: KeptCheckpoint["signature"]["kind"]) =>
    checkpoints.filter(({ signature }) => signature.kind === kind).length;
  return {
    location: place.location,
    kept: checkpoints,
    place: {
      location: place.location,
      checkpoints: checkpoints.length,
      signed: having("trusted"),
      unsigned: having("none"),
      unproven: having("unproven"),
      ofOtherLedgers: checkpoints.filter(({ checkpoint }) => checkpoint.ledgerId !== ledgerId).length,
      unreadableLines: unreadable,
    },
  };
}

const signatureFaults = ({ location, kept }: Kept): readonly FoundFault[] =>
  kept.flatMap(({ signature, line, checkpoint }) =>
    signature.kind === "invalid"
      ? [
          {
            where: `${location}, line ${line}`,
            seq: null,
            kind: "signature",
            message: signature.reason,
            chain: checkpoint.chain,
          },
        ]
      : [],
  );

/** Hashes do not meet by chance: this very event was checkpointed when the ledger had another id. */
function renamedLedger(
  ledger: Ledger,
  { chain, events }: StoredChain,
  checkpoints: readonly Checkpoint[],
): Omit<FoundFault, "where"> | undefined {
  const twin = checkpoints.find(({ ledgerId, seq, hash }) => ledgerId !== ledger.id && events[seq - 1]?.hash === hash);
  if (twin === undefined) return undefined;
  const message = `its checkpoint was taken in ledger ${twin.ledgerId}, and this one says it is ${ledger.id}`;
  return { seq: twin.seq, kind: "ledger", message, chain };
}

const lostLedger = ({ location, kept }: Kept): readonly FoundFault[] =>
  kept.length === 0
    ? []
    : [
        {
          where: location,
          seq: null,
          kind: "ledger",
          message: `it tells of ${kept.length} checkpoints, and here is no ledger at all`,
          chain: null,
        },
      ];

async function rowsFault(ledger: Ledger, stored: StoredChain): Promise<Fault | undefined> {
  if (stored.chain.kind !== "deployment") return undefined;
  const row = await ledger.deployment(stored.chain.id);
  const wrong = row && factsFault(stored, rowFacts(row));
  if (wrong) return wrong;
  const fault = votesFault(stored, await ledger.approvals(stored.chain.id));
  if (fault === undefined) return undefined;
  // Somebody may vote while it is read. A vote that comes once more in between is not worth a third look.
  const again = await ledger.chain(stored.chain);
  return votesFault(again, await ledger.approvals(stored.chain.id));
}

const rowFacts = ({ kind, version, commit, startedBy, outcome }: DeploymentFacts): DeploymentFacts => ({
  kind,
  version,
  commit,
  startedBy,
  outcome,
});

function cannotSee({
  events,
  coveredEvents,
  places,
}: Pick<AuditReport, "events" | "coveredEvents" | "places">): readonly string[] {
  const total = places.reduce((sum, { checkpoints }) => sum + checkpoints, 0);
  const unsigned = places.reduce((sum, { unsigned: n, unproven }) => sum + n + unproven, 0);
  const unreadable = places.flatMap(({ location, unreadableLines: lines }) =>
    lines.length === 0 ? [] : [`what stood in ${location}, line ${lines.join(", ")}: it cannot be read`],
  );
  const open = events - coveredEvents;
  return [
    ...(total === 0
      ? ["a cut tail, a deleted deployment or a story rewritten as a whole: there are no checkpoints"]
      : open > 0
        ? [`whether what came after the last checkpoints was cut or rewritten: ${open} of ${events} events`]
        : []),
    ...(unsigned > 0
      ? [
          `whether ${unsigned} of ${total} checkpoints were rewritten along with the ledger: not signed by a trusted key`,
        ]
      : []),
    ...places.flatMap(({ location, ofOtherLedgers }) =>
      ofOtherLedgers === 0 ? [] : [`what ${ofOtherLedgers} checkpoints of other ledgers in ${location} tell of`],
    ),
    ...unreadable,
  ];
}
