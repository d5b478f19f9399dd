/** For clock-jumps.test.ts: tells the time of day and a deployment's time whenever it is asked. Arguments: state folder, deployment. */
import { deploymentClock } from "../../src/app/clock.ts";

const [stateFolder = "", deploymentId = ""] = process.argv.slice(2);
const clock = deploymentClock(stateFolder, deploymentId);
process.stdin.on("data", () => process.stdout.write(`${JSON.stringify([Date.now(), clock.now()])}\n`));
