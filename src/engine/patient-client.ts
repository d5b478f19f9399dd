/**
 * A database behind a network that drops packets without a word leaves a query waiting for hours. Every query of a pool gets a
 * time; after it the connection is cut, which ends all that waits on it with an error that says so.
 */
import type { Duplex } from "node:stream";
import type pg from "pg";

type AnyQuery = (...given: readonly unknown[]) => unknown;

/** @param limitMs longer than any statement of this pool may take. */
export function limitQueries(pool: pg.Pool, limitMs: number): void {
  pool.on("connect", (client) => {
    const query = client.query.bind(client) as AnyQuery;
    const limited: AnyQuery = (...given) => {
      const timer = setTimeout(() => cut(client, limitMs), limitMs);
      timer.unref();
      const done = () => clearTimeout(timer);
      const last = given.at(-1);
      if (typeof last === "function") return query(...given.slice(0, -1), callingFirst(done, last as AnyQuery));
      const answer = query(...given);
      if (answer instanceof Promise) answer.then(done, done);
      else done();
      return answer;
    };
    client.query = limited as typeof client.query;
  });
}

const callingFirst =
  (first: () => void, then: AnyQuery): AnyQuery =>
  (...given) => {
    first();
    return then(...given);
  };

function cut(client: pg.PoolClient, limitMs: number): void {
  const { stream } = (client as unknown as { readonly connection: { readonly stream: Duplex } }).connection;
  stream.destroy(Object.assign(new Error(`no answer within ${limitMs} ms`), { code: "ETIMEDOUT" }));
}
