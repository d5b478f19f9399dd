/** Asks a running HAProxy over its runtime socket. The socket closes after the answer, which is its end. */
import { connect } from "node:net";
import type { Clock } from "../../ports/clock.ts";
import { deadlineIn } from "../../ports/deadline.ts";

export interface RuntimeSocket {
  readonly path: string;
  readonly clock: Clock;
  /** From the connection to the end of the answer. */
  readonly timeoutMs: number;
}

export type SocketAnswer =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "fault"; readonly reason: string };

const longest = 16 * 1_048_576;

/** Rejects only when aborted. */
export async function askSocket(socket: RuntimeSocket, command: string, signal: AbortSignal): Promise<SocketAnswer> {
  signal.throwIfAborted();
  const { path, clock, timeoutMs } = socket;
  await using limit = deadlineIn(timeoutMs, clock, { signal });
  const { promise: ended, resolve } = Promise.withResolvers<SocketAnswer>();
  const onEnd = () => resolve(fault(`the socket ${path} did not answer within ${timeoutMs} ms`));
  limit.signal.addEventListener("abort", onEnd, { once: true });
  const connection = connect({ path });
  try {
    const answer = await Promise.race([conversation(connection, path, command), ended]);
    signal.throwIfAborted();
    return answer;
  } finally {
    connection.destroy();
  }
}

const fault = (reason: string): SocketAnswer => ({ kind: "fault", reason });

async function conversation(
  connection: ReturnType<typeof connect>,
  path: string,
  command: string,
): Promise<SocketAnswer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    connection.write(`${command}\n`);
    for await (const chunk of connection as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > longest) return fault(`its answer is larger than ${longest} bytes`);
      chunks.push(chunk);
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "no connection";
    return fault(`the socket ${path} was not reached (${code})`);
  }
  return { kind: "text", text: Buffer.concat(chunks).toString("utf8") };
}
