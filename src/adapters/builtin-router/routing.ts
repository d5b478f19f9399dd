/**
 * What of a request, besides the weights, decides who serves it: the key under which its user keeps a version, and a tester's
 * wish. How a key meets the weights is `keptVersion`: weighted rendezvous hashing (each version draws -ln(u)/weight from the
 * key, the smallest wins), so that shares are the weights, and a rising weight only ever moves users towards it.
 */
import { createHash, randomUUID } from "node:crypto";
import type { IncomingMessage } from "node:http";
import { checkUserAgent } from "../../domain/own-checks.ts";
import type { RevisionId, Split } from "../../domain/traffic.ts";
import type { Hidden } from "./headers.ts";
import { hashOf, mixed } from "./session.ts";

/** As the control socket takes it and the state file keeps it; header names are in lower case. */
export interface Routing {
  readonly sticky:
    | { readonly kind: "cookie"; readonly name: string; readonly secure: boolean; readonly forward: boolean }
    | { readonly kind: "header"; readonly name: string }
    | null;
  /** The token itself is nowhere in the router; null: everybody may ask. */
  readonly testers: { readonly header: string; readonly tokenSha256: string | null } | null;
}

export interface Visitor {
  /** Never logged: it may be a user's name. */
  readonly key?: string;
  /** Value of a Set-Cookie header for the response. */
  readonly setCookie?: string;
  /** What a tester asks for: `candidate`, `stable`, a version or a revision. */
  readonly wish?: string;
}

const anybody: Visitor = {};
/** Longer keys are cut: hashing one must not cost more than serving. */
const keyMaxLength = 256;

export const sha256Of = (text: string): string => createHash("sha256").update(text).digest("hex");

export function visitorOf(request: IncomingMessage, routing: Routing | undefined): Visitor {
  if (routing === undefined) return anybody;
  const wish = wishOf(request, routing.testers);
  return { ...keyOf(request, routing.sticky), ...(wish === undefined ? {} : { wish }) };
}

function keyOf(request: IncomingMessage, sticky: Routing["sticky"]): Visitor {
  if (sticky === null) return anybody;
  if (sticky.kind === "header") {
    const value = request.headers[sticky.name]?.toString().slice(0, keyMaxLength) ?? "";
    return value === "" ? anybody : { key: value };
  }
  const sent = cookieOf(request.headers.cookie ?? "", sticky.name).slice(0, keyMaxLength);
  if (sent !== "") return { key: sent };
  const key = randomUUID();
  const secure = sticky.secure ? "; Secure" : "";
  return { key, setCookie: `${sticky.name}=${key}; Path=/; HttpOnly; SameSite=Lax${secure}` };
}

/** Empty when it is absent. */
function cookieOf(header: string, name: string): string {
  const pair = header.split(";").find((part) => part.trimStart().startsWith(`${name}=`));
  return pair?.slice(pair.indexOf("=") + 1).trim() ?? "";
}

/** `<wish>`, or `<wish> <token>` where a token is asked for; a wrong token is no wish. */
function wishOf(request: IncomingMessage, testers: Routing["testers"]): string | undefined {
  const value = testers === null ? undefined : request.headers[testers.header];
  if (typeof value !== "string" || testers === null) return undefined;
  const [wish = "", token = ""] = value.trim().split(/\s+/, 2);
  // Digests are compared, so the time it takes tells nothing of the token.
  return testers.tokenSha256 === null || sha256Of(token) === testers.tokenSha256 ? wish : undefined;
}

/** Whoever pretends to be a check of ours hides nothing but his own requests. */
export const senderOf = ({ headers }: IncomingMessage): "user" | "own-check" =>
  headers["user-agent"] === checkUserAgent ? "own-check" : "user";

/** What of a request is for the router alone: a tester's token, and its own cookie unless it is to be forwarded. */
export function hiddenBy(routing: Routing | undefined): Hidden | undefined {
  const header = routing?.testers?.header;
  const sticky = routing?.sticky;
  const cookie = sticky?.kind === "cookie" && !sticky.forward ? sticky.name : undefined;
  return header === undefined && cookie === undefined ? undefined : { header, cookie };
}

/**
 * Index of the share that the key keeps, -1 when none has weight. The draw depends on the key and the revision alone: it is the
 * same in all components of a deployment, and another deployment tries its candidate on other users.
 */
export function keptVersion(split: Split, key: string): number {
  const keyHash = hashOf(key);
  let kept = -1;
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < split.length; i++) {
    const { revision, percent } = split[i] as Split[number];
    if (percent === 0) continue;
    const unit = (mixed(keyHash ^ hashOf(revision)) + 0.5) / 2 ** 32;
    const draw = -Math.log(unit) / percent;
    if (draw >= least) continue;
    least = draw;
    kept = i;
  }
  return kept;
}

/**
 * Index of the share a tester asked for, -1 when the split has none: by the weights then, like everybody. `stable` is who gets
 * all traffic when nobody attends the route; the candidate is the only other one. Both are unknown where nobody said so.
 */
export function wishedVersion(split: Split, wish: string, stable: RevisionId | null): number {
  const found = split.flatMap((share, index) =>
    share.endpoints.length > 0 && answersTo(share.revision, wish, stable) ? [index] : [],
  );
  return found.length === 1 ? (found[0] ?? -1) : -1;
}

function answersTo(revision: RevisionId, wish: string, stable: RevisionId | null): boolean {
  if (wish === "stable") return revision === stable;
  if (wish === "candidate") return stable !== null && revision !== stable;
  return revision === wish || revision.startsWith(`${wish}~`);
}
