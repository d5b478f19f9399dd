/**
 * The commands of the control socket: HTTP over a Unix socket, `POST /<command>` with a JSON body, a JSON answer. Plain
 * enough for `curl --unix-socket`, so a person can steer traffic when Sluice itself is down.
 */
import { z } from "zod";
import type { FenceRecord } from "../../domain/attempt.ts";
import type { Failure } from "../../domain/errors.ts";
import type { Counters, Split } from "../../domain/traffic.ts";
import type { BucketsAnswer } from "./closed-buckets.ts";
import { baseMs } from "./meter.ts";

/** Rises when a command changes in a way an older side would not understand. */
export const protocolVersion = 1;

export const commandMaxBytes = 1024 * 1024;

const hour = 3600 * 1000;
const week = 7 * 24 * hour;
/** More than are kept on the finest grid; an answer has a bound. */
const bucketsMax = 4000;
const RouteName = z.string().min(1).max(128);
const RevisionName = z.string().min(1).max(256);
const Host = z.string().min(1).max(255);
const Port = z.int().min(1).max(65_535);
const Reason = z.string().trim().min(1).max(1000);

export const AttemptShape = z.strictObject({
  ledgerId: z.string().min(1).max(128),
  n: z.int().min(0),
  deploymentId: z.string().max(256),
});

const ShareShape = z
  .strictObject({
    revision: RevisionName,
    percent: z.int().min(0).max(100),
    endpoints: z.array(z.strictObject({ host: Host, port: Port })).max(256),
  })
  .refine((share) => share.percent === 0 || share.endpoints.length > 0, "a revision with weight needs an endpoint");

export const SplitShape = z
  .array(ShareShape)
  .max(64)
  .refine(
    (split) => split.length === 0 || split.reduce((sum, share) => sum + share.percent, 0) === 100,
    "the percents must add up to 100, or the split must be empty",
  )
  .refine((split) => new Set(split.map((share) => share.revision)).size === split.length, "a revision is named twice");

const Token = z
  .string()
  .max(128)
  .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/);
const LowerToken = Token.toLowerCase();

/** What besides the weights decides who serves a request; see `routing.ts`. */
export const RoutingShape = z.strictObject({
  sticky: z
    .discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("cookie"), name: Token, secure: z.boolean(), forward: z.boolean() }),
      z.strictObject({ kind: z.literal("header"), name: LowerToken }),
    ])
    .nullable(),
  testers: z
    .strictObject({
      header: LowerToken,
      tokenSha256: z
        .string()
        .regex(/^[0-9a-f]{64}$/)
        .nullable(),
    })
    .nullable(),
});

const Unattended = z.strictObject({ fallback: RevisionName, afterMs: z.int().min(1).max(week) });

/** Who orders it: an attempt, or a person overriding the fence, with a reason for the log. */
const authority = { attempt: AttemptShape.optional(), force: z.literal(true).optional(), reason: Reason.optional() };

type Authority = { attempt?: unknown; force?: true | undefined; reason?: string | undefined };
const ordered = (body: Authority): boolean =>
  body.force === true ? body.attempt === undefined && body.reason !== undefined : body.attempt !== undefined;
const orderedHow = 'needs either "attempt", or "force": true with a "reason"';

export const commands = {
  status: z.strictObject({}),
  /** Without `routing` the weights alone decide, whatever was said before. */
  ensureRoute: z.strictObject({
    route: RouteName,
    host: Host,
    port: Port,
    routing: RoutingShape.optional(),
    attempt: AttemptShape.optional(),
  }),
  removeRoute: z.strictObject({ route: RouteName, ...authority }).refine(ordered, orderedHow),
  claim: z.strictObject({ route: RouteName, attempt: AttemptShape }),
  disown: z.strictObject({ route: RouteName, reason: Reason }),
  shift: z
    .strictObject({ route: RouteName, split: SplitShape, unattended: Unattended.optional(), ...authority })
    .refine(ordered, orderedHow)
    .refine(
      ({ split, unattended }) =>
        unattended === undefined ||
        split.some((share) => share.revision === unattended.fallback && share.endpoints.length > 0),
      "the unattended fallback must be in the split and have an endpoint",
    ),
  observe: z.strictObject({ route: RouteName }),
  drain: z
    .strictObject({ route: RouteName, revision: RevisionName, timeoutMs: z.int().min(0).max(week), ...authority })
    .refine(ordered, orderedHow),
  counters: z.strictObject({ route: RouteName }),
  buckets: z
    .strictObject({
      route: RouteName,
      bucketMs: z.int().min(baseMs).max(hour).multipleOf(baseMs),
      fromIndex: z.int().min(0),
      toIndex: z.int().min(0),
    })
    .refine(({ fromIndex, toIndex }) => toIndex - fromIndex <= bucketsMax, `at most ${bucketsMax} buckets at once`),
  stop: z.strictObject({ reason: Reason.optional(), timeoutMs: z.int().min(0).max(600_000).default(5000) }),
} as const;

export type CommandName = keyof typeof commands;
export type Command<Name extends CommandName> = z.output<(typeof commands)[Name]>;
export type CommandBody<Name extends CommandName> = z.input<(typeof commands)[Name]>;

/** What every command that acts carries. */
export interface Orders {
  readonly route: string;
  readonly attempt?: FenceRecord | undefined;
  readonly force?: true | undefined;
  readonly reason?: string | undefined;
}

export interface RouteStatus {
  readonly route: string;
  readonly host: string;
  readonly port: number;
  /** False: the port was taken when the router started again; it keeps trying. */
  readonly listening: boolean;
  readonly split: Split;
  readonly fence: FenceRecord | null;
  readonly unattended: { readonly fallback: string; readonly afterMs: number; readonly deadlineMs: number } | null;
  /** Nobody renewed the split in time, and the router sent everything to the fallback by itself. */
  readonly revertedUnattended: boolean;
  /** Requests sent a second time after a connection failed under them, per revision. */
  readonly retries: Readonly<Record<string, number>>;
  /** Requests of testers, which no other count holds, per revision that had any. */
  readonly testers: Readonly<Record<string, { readonly requests: number; readonly errors: number }>>;
}

export interface LogEntry {
  readonly atMs: number;
  readonly route: string;
  readonly what: string;
  readonly reason: string;
}

export interface Answers {
  status: {
    readonly protocol: number;
    readonly pid: number;
    readonly startedMs: number;
    readonly routes: readonly RouteStatus[];
    /** Overrides by hand, changes of owner, reverts: the newest last. */
    readonly log: readonly LogEntry[];
  };
  ensureRoute: { readonly created: boolean };
  removeRoute: { readonly removed: boolean };
  claim: Record<string, never>;
  disown: Record<string, never>;
  shift: { readonly changed: boolean };
  observe: { readonly split: Split; readonly fence: FenceRecord | null; readonly revertedUnattended: boolean };
  drain: { readonly closed: number };
  counters: { readonly revisions: Readonly<Record<string, Counters>> };
  buckets: BucketsAnswer;
  stop: { readonly pid: number };
}

export interface ErrorAnswer {
  readonly error: Failure;
}
