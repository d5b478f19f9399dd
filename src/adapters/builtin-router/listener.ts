/** A route's address: the server that accepts its clients. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { SluiceError } from "../../domain/errors.ts";

/** Longer than clients and outer balancers keep idle connections: the side that closes first causes no lost request. */
const idleClientMs = 75_000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void;
type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Refused with PORT_IN_USE or, for any other reason, START_FAILED. */
export async function listening(at: Address, onRequest: OnRequest, onUpgrade: OnUpgrade): Promise<Server> {
  const server = createServer({
    keepAliveTimeout: idleClientMs,
    headersTimeout: 60_000,
    // An upload may take as long as it takes; slow headers may not.
    requestTimeout: 0,
    // Others (h2c) are answered without the upgrade, which the protocol allows.
    shouldUpgradeCallback: (request) => request.headers.upgrade?.toLowerCase() === "websocket",
  });
  server.on("request", onRequest);
  server.on("upgrade", onUpgrade);
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => reject(cannotListen(at, error)));
    server.listen(at.port, at.host, () => resolve());
  });
  // Later errors (out of file descriptors while accepting) concern one connection, not the route.
  server.on("error", () => undefined);
  return server;
}

function cannotListen(at: Address, cause: NodeJS.ErrnoException): SluiceError {
  const facts = { remedy: "operator", at: "builtin-router.listen", cause } as const;
  if (cause.code === "EADDRINUSE") {
    return new SluiceError({
      ...facts,
      code: "PORT_IN_USE",
      message: `Port ${at.port} on ${at.host} is used by another process.`,
      hint: `Ask its owner to free it, or configure another port. See who it is: ss -ltnp 'sport = :${at.port}'`,
    });
  }
  return new SluiceError({
    ...facts,
    code: "START_FAILED",
    message: `Cannot listen on ${at.host}:${at.port}: ${cause.message}.`,
    hint: "Configure an address and a port of this machine that you may use. See its addresses: ip address",
  });
}
