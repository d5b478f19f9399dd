/** The control socket: takes one command per request, checks its shape strictly, and answers with JSON or a `Failure`. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { z } from "zod";
import { failureOf, SluiceError } from "../../domain/errors.ts";
import type { Answers, Command, CommandName } from "./protocol.ts";
import { commandMaxBytes, commands } from "./protocol.ts";

/** `signal` is aborted when whoever asked has gone. */
export type Handlers = {
  readonly [Name in CommandName]: (
    command: Command<Name>,
    signal: AbortSignal,
  ) => Answers[Name] | Promise<Answers[Name]>;
};

export function createControlServer(handlers: Handlers): Server {
  const server = createServer({ keepAliveTimeout: 1000 }, (request, response) => {
    void answer(handlers, request, response);
  });
  // A drain may be waited for as long as it was given.
  server.requestTimeout = 10_000;
  return server;
}

async function answer(handlers: Handlers, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const gone = new AbortController();
  response.on("close", () => gone.abort());
  try {
    const name = commandOf(request);
    reply(response, 200, await execute(handlers, name, await bodyOf(request), gone.signal));
  } catch (error) {
    const failure = failureOf(error, "builtin-router.control");
    reply(response, failure.code === "INTERNAL" ? 500 : failure.code === "USAGE" ? 400 : 409, { error: failure });
  }
}

function execute<Name extends CommandName>(
  handlers: Handlers,
  name: Name,
  body: unknown,
  signal: AbortSignal,
): Answers[Name] | Promise<Answers[Name]> {
  const parsed = commands[name].safeParse(body);
  if (!parsed.success) throw usage(`${name}: ${z.prettifyError(parsed.error)}`);
  return handlers[name](parsed.data as Command<Name>, signal);
}

/** `GET /status` is allowed too: looking is the first thing a person does. */
function commandOf(request: IncomingMessage): CommandName {
  const name = (request.url ?? "").replace(/^\//, "");
  if (!Object.hasOwn(commands, name)) throw usage(`There is no command "${name}".`);
  if (request.method !== "POST" && !(request.method === "GET" && name === "status")) {
    throw usage(`${name} is asked for with POST.`);
  }
  return name as CommandName;
}

async function bodyOf(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > commandMaxBytes) throw usage(`A command has at most ${commandMaxBytes} bytes.`);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw usage("The command's body is not JSON.");
  }
}

function reply(response: ServerResponse, status: number, body: unknown): void {
  if (response.destroyed) return;
  response.writeHead(status, { "content-type": "application/json" });
  response.end(`${JSON.stringify(body)}\n`);
}

const usage = (message: string): SluiceError =>
  new SluiceError({
    code: "USAGE",
    remedy: "operator",
    at: "builtin-router.control",
    message,
    hint: `POST /<command> with a JSON body; commands: ${Object.keys(commands).join(", ")}`,
  });
