/** Who may ask the simulated GitHub, and for what: classic tokens with scopes, fine-grained ones with permissions, and Apps with signed JWTs. */
import { createVerify, generateKeyPairSync } from "node:crypto";

export type Level = "read" | "write";
export type Permissions = Readonly<Record<string, Level>>;

export type Grant =
  | { readonly kind: "classic"; readonly login: string; readonly scopes: readonly string[] }
  | { readonly kind: "fine-grained"; readonly login: string; readonly permissions: Permissions }
  | {
      readonly kind: "installation";
      readonly login: string;
      readonly permissions: Permissions;
      readonly untilMs: number;
    };

export interface SimulatedApp {
  readonly id: number;
  readonly slug: string;
  readonly installation: number;
  readonly permissions: Permissions;
  /** PEM, as GitHub hands it out. */
  readonly privateKey: string;
  readonly publicKey: string;
}

export function simulatedApp(permissions: Permissions): SimulatedApp {
  const pair = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  return { id: 4711, slug: "sluice", installation: 99, permissions, ...pair };
}

/** Why GitHub would not take it, in GitHub's words; undefined where it does. */
export function jwtFault(jwt: string, app: SimulatedApp, nowMs: number): string | undefined {
  const [header = "", payload = "", signature = ""] = jwt.split(".");
  const claims = decoded(payload);
  if (decoded(header)?.alg !== "RS256" || claims === undefined) return "A JSON web token could not be decoded";
  const verify = createVerify("RSA-SHA256").update(`${header}.${payload}`);
  if (!verify.verify(app.publicKey, Buffer.from(signature, "base64url")))
    return "A JSON web token could not be decoded";
  if (String(claims.iss) !== String(app.id)) return "'Issuer' claim ('iss') must be an Integer";
  return timeFault(Number(claims.iat), Number(claims.exp), Math.floor(nowMs / 1000));
}

function timeFault(issued: number, expires: number, now: number): string | undefined {
  if (issued > now)
    return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued";
  if (expires <= now)
    return "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires";
  return expires > now + 600 ? "'Expiration time' claim ('exp') is too far in the future" : undefined;
}

function decoded(part: string): { readonly [claim: string]: unknown } | undefined {
  try {
    return JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  } catch {
    return undefined;
  }
}

/** Reading what is public takes a token and nothing else; a classic one writes with `repo`. */
export function mayDo(grant: Grant, permission: string, level: Level): boolean {
  if (grant.kind === "classic") {
    const narrow =
      permission === "deployments" ? ["repo_deployment"] : permission === "statuses" ? ["repo:status"] : [];
    return ["repo", ...narrow, ...(level === "read" ? ["public_repo"] : [])].some((scope) =>
      grant.scopes.includes(scope),
    );
  }
  const held = grant.permissions[permission];
  return held === "write" || (held === "read" && level === "read");
}

/** What GitHub tells about a token with every answer. */
export function grantHeaders(grant: Grant, permission: string, level: Level): Record<string, string> {
  if (grant.kind === "classic") return { "x-oauth-scopes": grant.scopes.join(", "), "x-accepted-oauth-scopes": "repo" };
  return { "x-accepted-github-permissions": `${permission}=${level}` };
}
