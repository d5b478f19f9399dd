/** H2: something accepts connections at a host and port: Redis, a queue, a mail server. */
import { connect } from "node:net";
import { pass } from "../../domain/verdict.ts";
import type { Check, CheckResult } from "../../ports/check.ts";
import { connectionFault } from "./connection-fault.ts";
import { within } from "./deadline.ts";
import { defaultTimeoutMs, type HttpCheckOptions, inMs, resultOf, verdictOfSilence } from "./http-check.ts";
import { guardedLookup } from "./reach.ts";

export interface TcpCheckOptions extends Pick<HttpCheckOptions, "name" | "critical" | "clock" | "timeoutMs"> {
  readonly host: string;
  readonly port: number;
}

export function tcpCheck({ name, critical, clock, host, port, timeoutMs = defaultTimeoutMs }: TcpCheckOptions): Check {
  const hint = `See for yourself: nc -vz ${host} ${port}`;
  async function probe(signal: AbortSignal): Promise<CheckResult> {
    const startedAtMs = clock.now();
    const took = (): number => clock.now() - startedAtMs;
    try {
      await within(timeoutMs, clock, signal, (limited) => accepted(host, port, limited));
      return resultOf(name, {
        verdict: pass,
        tookMs: took(),
        seen: `${host}:${port} accepted a connection in ${inMs(took())}`,
      });
    } catch (thrown) {
      signal.throwIfAborted();
      const { fault, reason } = connectionFault(thrown);
      const silence = { kind: "no-answer", fault, reason: `${host}:${port}: ${reason}`, tookMs: took() } as const;
      return resultOf(name, { verdict: verdictOfSilence(silence), tookMs: silence.tookMs, seen: "", hint });
    }
  }
  return { name, critical, probe };
}

function accepted(host: string, port: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const socket = connect({ host, port, lookup: guardedLookup("anywhere") });
  const abort = (): void => void socket.destroy(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  socket.once("error", reject);
  socket.once("connect", () => {
    resolve();
    socket.destroy();
  });
  return promise.finally(() => signal.removeEventListener("abort", abort));
}
