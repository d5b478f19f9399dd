import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ApprovalVote } from "./approval.ts";
import { type Chain, type Checkpoint, chainFault, checkpointFault, linkText, type StoredChain } from "./audit.ts";
import { factsFault, factsInStory, votesFault } from "./audit-rows.ts";
import { canonicalEvent, type DeploymentEvent, type NewEvent } from "./events.ts";
import { asJson, type Json } from "./json.ts";

const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

type Facts = Omit<DeploymentEvent, "hash" | "seq">;

/** Hashes and numbers as the ledger gives them. */
function written(facts: readonly Facts[]): DeploymentEvent[] {
  let hash = "";
  return facts.map((each, index) => {
    const event = { ...each, seq: index + 1 };
    hash = sha256(linkText(hash, event));
    return { ...event, hash };
  });
}

const endOf = (events: readonly DeploymentEvent[]) => ({ seq: events.length, hash: events.at(-1)?.hash ?? "" });

const deployment: Chain = { kind: "deployment", id: "1795000000-3f2a9c1b22aa" };
const production: Chain = { kind: "environment", id: "production" };

const word = fc.string({ unit: "grapheme", maxLength: 8 });
const detail = fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<Json>;
const facts = (chain: Chain): fc.Arbitrary<Facts> =>
  fc.record({
    deploymentId: fc.constant(chain.kind === "deployment" ? chain.id : null),
    environment: fc.constant("production"),
    attempt: fc.nat(9),
    step: word,
    phase: fc.constantFrom("begin", "progress", "end"),
    key: word,
    title: word,
    tone: fc.constantFrom("info", "ok", "warn", "bad"),
    actor: fc.option(word),
    atMs: fc.nat(2_000_000_000),
    detail,
  });
const story = (min = 1): fc.Arbitrary<{ chain: Chain; events: DeploymentEvent[] }> =>
  fc
    .constantFrom(deployment, production)
    .chain((chain) =>
      fc.array(facts(chain), { minLength: min, maxLength: 8 }).map((all) => ({ chain, events: written(all) })),
    );

const fields = [
  "deploymentId environment seq attempt step phase key title tone actor atMs detail hash".split(" "),
].flat() as (keyof DeploymentEvent)[];

/** Another value of the same kind, as a person with SQL would write it. */
function edited(event: DeploymentEvent, field: keyof DeploymentEvent, other: Json): DeploymentEvent {
  const value = event[field];
  if (field === "detail") return { ...event, detail: other };
  if (field === "actor" || field === "deploymentId")
    return { ...event, [field]: value === null ? "mallory" : other === null ? null : `${value}x` };
  if (field === "hash") return { ...event, hash: sha256(event.hash) };
  return { ...event, [field]: typeof value === "number" ? value + 1 : `${value}x` };
}

const renumbered = (events: readonly DeploymentEvent[]): DeploymentEvent[] =>
  events.map((event, index) => ({ ...event, seq: index + 1 }));

interface Mutation {
  readonly kind: "edit" | "edit and hash" | "delete" | "delete and renumber" | "swap" | "exchange" | "insert" | "cut";
  readonly at: number;
  readonly to: number;
  readonly field: keyof DeploymentEvent;
  readonly other: Json;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom<Mutation["kind"][]>(
    ...["edit", "edit and hash", "delete", "delete and renumber"].map((kind) => kind as Mutation["kind"]),
    ...["swap", "exchange", "insert", "cut"].map((kind) => kind as Mutation["kind"]),
  ),
  at: fc.nat(7),
  to: fc.nat(7),
  field: fc.constantFrom(...fields),
  other: detail,
});

/** What is in the table afterwards, in the order in which it is read: by its numbers. */
function mutated(events: readonly DeploymentEvent[], given: Mutation): readonly DeploymentEvent[] {
  const at = given.at % events.length;
  const to = given.to % events.length;
  const event = events[at] as DeploymentEvent;
  const partner = events[to] as DeploymentEvent;
  const before = events[at - 1]?.hash ?? "";
  const { kind, field, other } = given;
  if (kind === "edit") return events.with(at, edited(event, field, other));
  if (kind === "edit and hash") {
    const { hash: _, ...changed } = edited(event, field === "hash" ? "title" : field, other);
    return events.with(at, { ...changed, hash: sha256(linkText(before, changed)) });
  }
  if (kind === "delete") return events.toSpliced(at, 1);
  if (kind === "delete and renumber") return renumbered(events.toSpliced(at, 1));
  if (kind === "swap") return events.with(at, partner).with(to, event);
  if (kind === "exchange") return events.with(at, { ...partner, seq: at + 1 }).with(to, { ...event, seq: to + 1 });
  if (kind === "cut") return events.slice(0, at);
  const made = { ...event, title: `${event.title}!`, key: `${event.key}!`, seq: at + 1 };
  return renumbered(events.toSpliced(at, 0, { ...made, hash: sha256(linkText(before, made)) }));
}

const text = (events: readonly DeploymentEvent[]): string =>
  JSON.stringify(events.map((event) => [canonicalEvent(event), event.hash]));

describe("Z4 the chain of events", () => {
  test("Z4 an untouched story is intact, whatever is in it", () => {
    fc.assert(
      fc.property(story(0), ({ chain, events }) => {
        expect(chainFault({ chain, events, end: endOf(events) }, sha256)).toBeUndefined();
        for (const { seq, hash } of events) {
          const checkpoint = { ledgerId: "l", chain, seq, hash, atMs: 0 };
          expect(checkpointFault(checkpoint, { events })).toBeUndefined();
        }
      }),
      { numRuns: 300 },
    );
  });

  test("Z4 of 10,000 random edits, deletions, changes of order, insertions and cuts every one is found", {
    timeout: 120_000,
  }, () => {
    const found = new Map<string, number>();
    let tried = 0;
    fc.assert(
      fc.property(story(), mutation, ({ chain, events }, given) => {
        const after = mutated(events, given);
        fc.pre(text(after) !== text(events));
        tried++;

        const fault = chainFault({ chain, events: after, end: endOf(events) }, sha256);

        expect(fault, `${given.kind} ${given.field}`).toBeDefined();
        expect(fault?.seq).toBeGreaterThanOrEqual(1);
        found.set(fault?.kind ?? "", (found.get(fault?.kind ?? "") ?? 0) + 1);
      }),
      { numRuns: 10_000 },
    );
    expect(tried).toBe(10_000);
    expect([...found.keys()].sort()).toEqual(["changed", "cut", "foreign", "missing", "reordered"]);
  });

  test("Z4 a cut tail whose traces were removed is found by the checkpoint, and only by it", () => {
    fc.assert(
      fc.property(story(2), fc.nat(7), ({ chain, events }, given) => {
        const left = events.slice(0, given % events.length);
        const stored: StoredChain = { chain, events: left, end: endOf(left) };
        const checkpoint: Checkpoint = { ledgerId: "l", chain, ...endOf(events), atMs: 0 };

        expect(chainFault(stored, sha256)).toBeUndefined();
        expect(checkpointFault(checkpoint, stored)).toMatchObject({ kind: "cut", seq: left.length + 1 });
        expect(checkpointFault({ ...checkpoint, ...endOf(left) }, stored)).toBeUndefined();
      }),
      { numRuns: 2_000 },
    );
  });

  test("Z4 a story rewritten as a whole, hashes and all, is found by the checkpoint, and only by it", () => {
    fc.assert(
      fc.property(story(), fc.nat(7), ({ chain, events }, given) => {
        const at = given % events.length;
        const again = written(events.map((event, index) => (index === at ? { ...event, title: "never mind" } : event)));
        fc.pre(again.at(-1)?.hash !== events.at(-1)?.hash);
        const stored: StoredChain = { chain, events: again, end: endOf(again) };
        const checkpoint: Checkpoint = { ledgerId: "l", chain, ...endOf(events), atMs: 0 };

        expect(chainFault(stored, sha256)).toBeUndefined();
        expect(checkpointFault(checkpoint, stored)).toMatchObject({ kind: "rewritten", seq: events.length });
      }),
      { numRuns: 2_000 },
    );
  });

  const line = (title: string): Facts => ({
    deploymentId: deployment.id,
    environment: "production",
    attempt: 1,
    step: "backup",
    phase: "end",
    key: title,
    title,
    tone: "ok",
    actor: null,
    atMs: 1,
    detail: { b: 1, a: [1, { d: null, c: "x" }] },
  });
  const three = written(["one", "two", "three"].map(line));
  const [one, two, last] = three as [DeploymentEvent, DeploymentEvent, DeploymentEvent];
  const end = endOf(three);
  const faultOf = (events: readonly DeploymentEvent[], noted: StoredChain["end"] = end) =>
    chainFault({ chain: deployment, events, end: noted }, sha256);

  test.for<readonly [string, readonly DeploymentEvent[], object]>([
    ["an edited title", [one, { ...two, title: "2" }, last], { seq: 2, kind: "changed" }],
    ["a detail deep inside", [{ ...one, detail: { b: 1, a: [1, { d: 0, c: "x" }] } }, two, last], { seq: 1 }],
    ["a deleted event", [one, last], { seq: 2, kind: "missing", message: "it is gone" }],
    ["two deleted events", [last], { seq: 1, kind: "missing", message: "it and the 1 after it are gone" }],
    ["two events in each other's place", [one, last, two], { seq: 2, kind: "reordered" }],
    [
      "two events with each other's number",
      [one, { ...last, seq: 2 }, { ...two, seq: 3 }],
      { seq: 2, kind: "reordered", message: "the event that belongs here has the number 3 now" },
    ],
    ["an event twice", [one, one, two, last], { seq: 2, kind: "reordered" }],
    ["an event below the first number", [{ ...one, seq: 0 }, one, two, last], { seq: 1, kind: "reordered" }],
    ["another deployment's event", [one, { ...two, deploymentId: "d-2" }, last], { seq: 2, kind: "foreign" }],
    ["a cut end", [one, two], { seq: 3, kind: "cut" }],
    ["an event behind the end", written(["one", "two", "three", "four"].map(line)), { seq: 4, kind: "foreign" }],
    ["everything gone", [], { seq: 1, kind: "cut" }],
  ])("Z4 names the first broken place: %s", ([, events, fault]) => {
    expect(faultOf(events)).toMatchObject(fault);
  });

  test("Z4 events whose deployment was deleted are found, and so is a deployment of which nothing is left", () => {
    expect(faultOf(three, null)).toMatchObject({ kind: "missing", message: expect.stringContaining("is gone") });
    const checkpoint = { ledgerId: "l", chain: deployment, ...end, atMs: 0 };
    expect(checkpointFault(checkpoint, undefined)).toMatchObject({
      seq: 1,
      kind: "cut",
      message: "nothing is left; the checkpoint of 1970-01-01T00:00:00.000Z saw 3 events",
    });
  });
});

describe("Z4 rows beside the events", () => {
  const vote = (by: string, decision: ApprovalVote["decision"] = "approve"): ApprovalVote => ({
    by,
    decision,
    planDigest: "sha256:1",
    comment: "",
    proof: { kind: "declared" },
  });
  const event = (more: Partial<NewEvent>): Facts => ({
    ...{ deploymentId: deployment.id, environment: "production", attempt: 0, phase: "end", key: "", title: "" },
    ...{ step: "", tone: "ok", actor: null, atMs: 1, detail: null },
    ...more,
  });
  const storyOf = (...all: readonly Partial<NewEvent>[]): StoredChain => {
    const events = written(all.map(event));
    return { chain: deployment, events, end: endOf(events) };
  };
  const told = (given: ApprovalVote) => ({ step: given.decision, actor: given.by, detail: asJson(given) });

  test("Z4 P3 a vote that was put in, taken out or changed does not fit the story", () => {
    const counted = storyOf(told(vote("bob")), told(vote("eve", "reject")));
    const rows = [vote("bob"), vote("eve", "reject")].map((each) => ({ ...each, atMs: 5 }));

    expect(votesFault(counted, rows)).toBeUndefined();
    expect(votesFault(counted, [...rows, { ...vote("mallory"), atMs: 5 }])).toMatchObject({
      kind: "disagrees",
      message: expect.stringContaining("mallory"),
    });
    expect(votesFault(counted, rows.slice(0, 1))).toMatchObject({ seq: 2, message: expect.stringContaining("eve") });
    expect(votesFault(counted, rows.with(1, { ...vote("eve"), atMs: 5 }))).toMatchObject({ kind: "disagrees" });
  });

  test("Z4 D4 who started what, and how it ended, cannot be changed in the deployment's row alone", () => {
    const facts = { kind: "deploy", version: "v1.2.0", commit: "3f2a", startedBy: "ada" };
    const detail = { ...(factsInStory(facts) as object), outcome: "rolled-back" };
    const ended = storyOf({ step: "finish", key: "outcome", detail });

    expect(factsFault(ended, { ...facts, outcome: "rolled-back" })).toBeUndefined();
    expect(factsFault(ended, { ...facts, outcome: null })).toBeUndefined();
    expect(factsFault(storyOf({}), { ...facts, outcome: null })).toBeUndefined();
    expect(factsFault(ended, { ...facts, outcome: "succeeded" })).toMatchObject({ seq: 1, kind: "disagrees" });
    expect(factsFault(ended, { ...facts, startedBy: "bob", outcome: null })?.message).toContain(
      'startedBy "bob"; the story says "ada"',
    );
  });
});
