/**
 * A SIMULATED GitHub: not theirs, but a stateful server on loopback that holds every request and every answer against GitHub's
 * official OpenAPI description. What does not fit is a violation, and stopping it throws them.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { bodyOf, httpServer } from "../../src/testing/local-servers.ts";
import { type Base, installationBody } from "./bodies.ts";
import type { Description } from "./description.ts";
import { type Grant, grantHeaders, jwtFault, mayDo, type SimulatedApp } from "./keys.ts";
import { type Answer, type Call, notFound, routes } from "./routes.ts";
import type { SimulatedRepository } from "./world.ts";

export interface Fault {
  /** Only for routes that begin so, e.g. `POST /repos/{owner}/{repo}/issues`; any unless said. */
  readonly route?: string;
  readonly times?: number;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly message?: string;
  /** It is done, but nobody hears of it: the connection breaks before the answer. */
  readonly dropAnswer?: boolean;
  /** The connection stays open without an answer. */
  readonly silent?: boolean;
}

export interface SimulatedGithub extends AsyncDisposable {
  /** The base of the API; with `enterprise` it ends with /api/v3. */
  readonly url: string;
  readonly repository: SimulatedRepository;
  /** What it posts is held against the description too. */
  readonly description: Description;
  /** By their text. */
  readonly tokens: Map<string, Grant>;
  readonly faults: Fault[];
  /** `GET /repos/{owner}/{repo}/issues`, in their order. */
  readonly asked: string[];
  /** Where a request or an answer is not what GitHub's description allows. */
  readonly violations: string[];
  /** How far its clock is ahead of this machine's. */
  aheadMs: number;
  /** Requests left of the hour; undefined: without limit. */
  quota: { left: number; resetAtMs: number } | undefined;
}

export interface SimulatedGithubOptions {
  readonly description: Description;
  readonly repository: SimulatedRepository;
  readonly app?: SimulatedApp;
  /** As GitHub Enterprise Server has it: below /api/v3. */
  readonly enterprise?: boolean;
}

interface Asked {
  readonly route: string;
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly body: unknown;
  readonly authorization: string;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function simulatedGithub(options: SimulatedGithubOptions): Promise<SimulatedGithub> {
  const prefix = options.enterprise ? "/api/v3" : "";
  const state: Omit<SimulatedGithub, "url" | typeof Symbol.asyncDispose> = {
    repository: options.repository,
    description: options.description,
    tokens: new Map(),
    faults: [],
    asked: [],
    violations: [],
    aheadMs: 0,
    quota: undefined,
  };
  const server = await httpServer((request, response) => {
    void answer(request, response).catch((thrown: unknown) => {
      state.violations.push(`the simulation failed: ${thrown instanceof Error ? thrown.stack : String(thrown)}`);
      response.destroy();
    });
  });
  const base: Base = { api: `${server.url}${prefix}`, html: server.url };

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const asked = understood(request, await bodyOf(request), prefix);
    if (asked === undefined) return send(response, { status: 404, body: notFound.body }, state.aheadMs);
    state.asked.push(asked.route);
    const fault = takeFault(state.faults, asked.route);
    if (fault?.silent) return;
    if (fault?.status !== undefined) return send(response, refusalOf(fault), state.aheadMs);
    const reply = reviewed(asked, replyTo(asked, state, options, base), state.violations, options.description);
    if (fault?.dropAnswer) return void response.destroy();
    send(response, reply, state.aheadMs);
  }

  return Object.assign(state, {
    url: base.api,
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      if (state.violations.length > 0) throw new Error(`against GitHub's description:\n${state.violations.join("\n")}`);
    },
  });
}

const installationRoutes = [
  "GET /repos/{owner}/{repo}/installation",
  "POST /app/installations/{installation_id}/access_tokens",
];
const patterns = [...Object.keys(routes), ...installationRoutes].map((route) => {
  const [method = "", template = ""] = route.split(" ");
  const source = template.replaceAll(/\{(\w+)\}/g, (_, name: string) => `(?<${name}>[^/]+)`);
  return { route, method, pattern: new RegExp(`^${source}$`) };
});

function understood(request: IncomingMessage, text: string, prefix: string): Asked | undefined {
  const { pathname, searchParams } = new URL(request.url ?? "/", "http://simulated.invalid");
  const hit = patterns
    .filter(({ method }) => method === request.method && pathname.startsWith(`${prefix}/`))
    .map(({ route, pattern }) => ({ route, groups: pattern.exec(pathname.slice(prefix.length))?.groups }))
    .find(({ groups }) => groups !== undefined);
  if (hit === undefined) return undefined;
  const path = Object.entries(hit.groups ?? {}).map(([name, part]) => [name, decodeURIComponent(part)]);
  return {
    route: hit.route,
    path: Object.fromEntries(path),
    query: Object.fromEntries(searchParams),
    body: text === "" ? undefined : JSON.parse(text),
    authorization: request.headers.authorization ?? "",
  };
}

function takeFault(faults: Fault[], route: string): Fault | undefined {
  const at = faults.findIndex((fault) => fault.route === undefined || route.startsWith(fault.route));
  const fault = faults[at];
  if (fault === undefined) return undefined;
  const left = (fault.times ?? 1) - 1;
  if (left > 0) faults[at] = { ...fault, times: left };
  else faults.splice(at, 1);
  return fault;
}

const refusalOf = ({ status = 500, headers = {}, message = "Server Error" }: Fault): Reply => ({
  status,
  headers,
  body: { message, documentation_url: "https://docs.github.com/rest" },
});

type State = Pick<SimulatedGithub, "repository" | "tokens" | "quota" | "aheadMs">;

function replyTo(asked: Asked, state: State, options: SimulatedGithubOptions, base: Base): Reply {
  const nowMs = Date.now() + state.aheadMs;
  const { owner, name } = state.repository;
  if (installationRoutes.includes(asked.route)) return asApp(asked, state, options, base, nowMs);
  const grant = state.tokens.get(asked.authorization.replace(/^(token|bearer) /i, ""));
  if (grant === undefined || (grant.kind === "installation" && grant.untilMs <= nowMs))
    return { status: 401, body: { message: "Bad credentials", documentation_url: "https://docs.github.com/rest" } };
  const limited = quotaLeft(state, nowMs);
  if (limited) return limited;
  const route = routes[asked.route];
  if (route === undefined || asked.path.owner !== owner || asked.path.repo !== name) return notFound;
  const headers = grantHeaders(grant, route.permission, route.level);
  if (!mayDo(grant, route.permission, route.level)) return { ...refusedTo(grant), headers };
  const call: Call = {
    repository: state.repository,
    base,
    path: asked.path,
    query: asked.query,
    body: (asked.body ?? {}) as Call["body"],
    login: grant.login,
    nowMs,
  };
  const reply = paged(route.answer(call), asked, base);
  return { ...reply, headers: { ...headers, ...reply.headers } };
}

function asApp(asked: Asked, state: State, { app }: SimulatedGithubOptions, base: Base, nowMs: number): Reply {
  const fault = app ? jwtFault(asked.authorization.replace(/^bearer /i, ""), app, nowMs) : "Integration not found";
  if (app === undefined || fault) return { status: 401, body: { message: fault, documentation_url: "" } };
  const { owner } = state.repository;
  if (asked.route === installationRoutes[0])
    return { status: 200, body: installationBody(base, app.installation, app, owner) };
  if (Number(asked.path.installation_id) !== app.installation) return notFound;
  const token = `ghs_${crypto.randomUUID().replaceAll("-", "")}`;
  const untilMs = nowMs + 3_600_000;
  const { permissions, slug } = app;
  state.tokens.set(token, { kind: "installation", login: `${slug}[bot]`, permissions, untilMs });
  return { status: 201, body: { token, expires_at: new Date(untilMs).toISOString(), permissions } };
}

function quotaLeft({ quota }: State, nowMs: number): Reply | undefined {
  if (quota === undefined) return undefined;
  if (nowMs >= quota.resetAtMs) quota.left = 60;
  quota.left -= 1;
  if (quota.left >= 0) return undefined;
  return {
    status: 403,
    headers: { "x-ratelimit-remaining": "0", "x-ratelimit-reset": String(Math.ceil(quota.resetAtMs / 1000)) },
    body: { message: "API rate limit exceeded for installation ID 99.", documentation_url: "" },
  };
}

/** A classic token does not even hear that there is something. */
function refusedTo({ kind }: Grant): Reply {
  if (kind === "classic") return notFound;
  const what = kind === "installation" ? "integration" : "personal access token";
  return { status: 403, body: { message: `Resource not accessible by ${what}`, documentation_url: "", status: "403" } };
}

/** Lists come in pages, with the address of the next one in `link`. */
function paged(answer: Answer, { query, route, path }: Asked, base: Base): Reply {
  const { status, body, paged: key } = answer;
  if (key === undefined) return { status, body };
  const list = (key === true ? body : (body as Readonly<Record<string, unknown>>)[key]) as readonly unknown[];
  const [page, size] = [Number(query.page ?? 1), Number(query.per_page ?? 30)];
  const part = list.slice((page - 1) * size, page * size);
  const at = (route.split(" ")[1] ?? "").replaceAll(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(path[name] ?? ""),
  );
  const next = new URLSearchParams({ ...query, page: String(page + 1) });
  const headers = page * size < list.length ? { link: `<${base.api}${at}?${next}>; rel="next"` } : {};
  return { status, headers, body: key === true ? part : { ...(body as object), [key]: part } };
}

/** What GitHub would refuse is refused here, by its own description; what it would never say is a fault of the simulation. */
function reviewed(asked: Asked, reply: Reply, violations: string[], description: Description): Reply {
  const wrong = description.requestFaults(asked);
  violations.push(...wrong.map((fault) => `${asked.route}: ${fault}`));
  if (wrong.length > 0) return { status: 422, body: { message: wrong.join("; "), documentation_url: "" } };
  const strange = description.answerFaults(asked.route, reply.status, reply.body);
  violations.push(...strange.map((fault) => `${asked.route}: ${fault}`));
  return reply;
}

function send(response: ServerResponse, { status, body, headers = {} }: Reply, aheadMs: number): void {
  const date = new Date(Date.now() + aheadMs).toUTCString();
  response.writeHead(status, {
    date,
    "content-type": "application/json; charset=utf-8",
    "x-simulated": "true",
    ...headers,
  });
  response.end(body === undefined ? undefined : JSON.stringify(body));
}
