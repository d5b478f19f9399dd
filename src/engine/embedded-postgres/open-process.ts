/** A process of its own for tests: opens the database of the state folder named, says how, and ends when told so. */
import { openEmbeddedPostgres } from "./open.ts";

const [stateFolder = ""] = process.argv.slice(2);
const { pid, started, dataFolder, url } = await openEmbeddedPostgres({ stateFolder });
process.stdout.write(`${JSON.stringify({ pid, started, dataFolder, url })}\n`);
process.stdin.once("data", () => process.exit(0));
