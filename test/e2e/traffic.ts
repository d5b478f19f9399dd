/** A small steady load on a router, and who answered it. */
import { Agent, get } from "node:http";

export interface Seen {
  requests: number;
  lost: number;
  errors: number;
  readonly versions: Map<string, number>;
  /** Of each that was lost: how, and whether its connection had been used before. */
  readonly losses: string[];
}

export interface Traffic {
  /** Since the last `reset`. */
  readonly seen: Seen;
  reset(): void;
  /** No requests until `go`. */
  rest(): void;
  go(): void;
  stop(): void;
}

export function startTraffic(port: number, requestsPerSecond: number): Traffic {
  const agent = new Agent({ keepAlive: true, maxSockets: 20 });
  const seen: Seen = { requests: 0, lost: 0, errors: 0, versions: new Map(), losses: [] };
  let resting = false;
  const timer = setInterval(() => {
    if (resting) return;
    seen.requests++;
    const sentAtMs = performance.now();
    const lost = (error: NodeJS.ErrnoException) => {
      seen.lost++;
      const connection = request.reusedSocket ? "a connection used before" : "a new connection";
      const afterMs = Math.round(performance.now() - sentAtMs);
      seen.losses.push(`${error.code ?? error.message} on ${connection} after ${afterMs} ms`);
    };
    const request = get({ host: "127.0.0.1", port, path: "/", agent, timeout: 5_000 }, (response) => {
      const version = String(response.headers["x-version"] ?? "nobody");
      seen.versions.set(version, (seen.versions.get(version) ?? 0) + 1);
      if ((response.statusCode ?? 0) >= 500) seen.errors++;
      response.on("error", lost).resume();
    });
    request.on("error", lost);
    request.on("timeout", () => request.destroy(new Error("no answer")));
  }, 1000 / requestsPerSecond);
  return {
    seen,
    reset() {
      Object.assign(seen, { requests: 0, lost: 0, errors: 0 });
      seen.versions.clear();
      seen.losses.length = 0;
    },
    rest() {
      resting = true;
    },
    go() {
      resting = false;
    },
    stop() {
      clearInterval(timer);
      agent.destroy();
    },
  };
}

export interface Answer {
  readonly status: number;
  readonly version: string | undefined;
}

/** One request through the router; undefined where nobody answers. */
export function ask(port: number, path = "/health"): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const request = get({ host: "127.0.0.1", port, path, agent: false, timeout: 3_000 }, (response) => {
      response.on("error", () => resolve(undefined)).resume();
      const version = response.headers["x-version"];
      response.on("end", () => resolve({ status: response.statusCode ?? 0, version: version as string | undefined }));
    });
    request.on("error", () => resolve(undefined));
    request.on("timeout", () => request.destroy(new Error("no answer")));
  });
}
