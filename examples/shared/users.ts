/**
 * An example's users: a small steady load on an address, since a release is judged by the requests of others, not by Sluice's own.
 * They ask one path after the other, and are not put off by an answer that is missing or wrong.
 */
import { get } from "node:http";

export interface Users {
  stop(): Promise<void>;
}

const everyMs = 50;
const patienceMs = 5_000;

export function startUsers(url: string, paths: readonly string[]): Users {
  let asked = 0;
  const underWay = new Set<Promise<void>>();
  const timer = setInterval(() => {
    const path = paths[asked++ % paths.length] ?? "/";
    const answered = answerOf(new URL(path, url)).finally(() => underWay.delete(answered));
    underWay.add(answered);
  }, everyMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}

function answerOf(url: URL): Promise<void> {
  return new Promise((resolve) => {
    const request = get(url, { agent: false, timeout: patienceMs }, (response) => {
      response.on("close", () => resolve()).resume();
    });
    request.on("error", () => resolve());
    request.on("timeout", () => request.destroy());
  });
}
