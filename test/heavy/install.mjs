/** `node test/heavy/install.mjs <folder>`: its locked packages, by the npm and the settings that installed the project itself. */
import { join } from "node:path";
import { environment, runNpm } from "../../scripts/bootstrap/npm.mjs";

const [name] = process.argv.slice(2);
if (name === undefined) throw new Error("usage: node test/heavy/install.mjs <folder>");
const folder = join(import.meta.dirname, name);
await runNpm(process.execPath, ["ci", "--prefix", folder], folder, environment());
