/**
 * A SIMULATED New Relic: not theirs, but a server that refuses what the published reference of NerdGraph and NRQL does not
 * allow, and answers in its shape. Like NerdGraph it tells errors with status 200.
 */
import { bodyOf, httpServer, type LocalServer } from "../../src/testing/local-servers.ts";

export interface SimulatedNewRelic extends LocalServer {
  readonly queries: string[];
}

export type NewRelicRow = Readonly<Record<string, unknown>>;

interface Asked {
  readonly nrql: string;
  readonly fromMs: number;
  readonly toMs: number;
  readonly stepMs: number;
}

const shape =
  /^SELECT (?<select>.+?) FROM \w+(?: WHERE (?<where>.+?))? SINCE (?<since>\d{13}) UNTIL (?<until>\d{13}) TIMESERIES (?<step>\d+) seconds?$/;

function askedIn(text: string, account: number): Asked | string {
  const { query, variables } = JSON.parse(text) as {
    query?: string;
    variables?: { accountId?: unknown; nrql?: unknown };
  };
  const compact = (query ?? "").replace(/\s+/g, "");
  const wanted =
    /^query\w*\(\$accountId:Int!,\$nrql:Nrql!\)\{actor\{account\(id:\$accountId\)\{nrql\(query:\$nrql\)\{results\}\}\}\}$/;
  if (!wanted.test(compact)) return "Parse error on the GraphQL document";
  if (variables?.accountId !== account) return "Access denied.";
  const parts = shape.exec(String(variables.nrql))?.groups;
  if (!parts || /'[^']*$/.test(String(variables.nrql).replace(/'[^']*'/g, ""))) return "NRQL Syntax Error";
  const [fromMs, toMs, stepMs] = [Number(parts.since), Number(parts.until), Number(parts.step) * 1000];
  if ((toMs - fromMs) / stepMs > 366) return "TIMESERIES may have at most 366 buckets";
  return { nrql: String(variables.nrql), fromMs, toMs, stepMs };
}

export async function simulatedNewRelic(
  account: { readonly id: number; readonly key: string },
  row: (nrql: string, index: number) => NewRelicRow,
): Promise<SimulatedNewRelic> {
  const queries: string[] = [];
  const server = await httpServer((request, response) => {
    void bodyOf(request).then((text) => {
      const say = (status: number, value: unknown) =>
        response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
      if (request.method !== "POST" || request.url !== "/graphql") return say(404, {});
      if (request.headers["api-key"] !== account.key)
        return say(401, { errors: [{ message: "The API key is invalid" }] });
      const asked = askedIn(text, account.id);
      if (typeof asked === "string") return say(200, { data: null, errors: [{ message: asked }] });
      queries.push(asked.nrql);
      const results = Array.from({ length: Math.ceil((asked.toMs - asked.fromMs) / asked.stepMs) }, (_, at) => {
        const begin = asked.fromMs + at * asked.stepMs;
        const times = { beginTimeSeconds: begin / 1000, endTimeSeconds: (begin + asked.stepMs) / 1000 };
        return { ...times, ...row(asked.nrql, begin / asked.stepMs) };
      });
      return say(200, { data: { actor: { account: { nrql: { results } } } } });
    });
  });
  return { ...server, queries };
}
