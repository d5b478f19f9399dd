/**
 * The entry of a thread that reads texts, one answer a text. Apart from the rest, since reading works synchronously (it
 * would stop the heartbeats) and cannot be cut off (a thread can be ended).
 */
import { parentPort, workerData } from "node:worker_threads";
import * as library from "libpg-query";
import { parseStatements } from "./parse.ts";

await library.loadModule();
for (const text of workerData as readonly string[]) {
  const parsed = parseStatements(text, library);
  parentPort?.postMessage(parsed);
  if (parsed.damaged) break;
}
