/**
 * A process of its own for tests: runs one flow and tells each step on its output, so that it can be killed or stopped
 * from outside. Arguments: url, schema, executor id, flow id.
 */
import { dbosFlowEngine } from "./flow-engine.ts";

const [url = "", schema = "", executorId = "", id = ""] = process.argv.slice(2);
const tell = (what: string) => process.stdout.write(`${what}\n`);
const line = () => new Promise<void>((resolve) => process.stdin.once("data", () => resolve()));

const engine = dbosFlowEngine({ url, executorId, applicationVersion: "test", schema });
engine.register("deploy", async (flow) => {
  try {
    await flow.step("backup", async () => void tell("backup"));
    await flow.step("migrate", async () => {
      tell("migrate");
      await line();
    });
    await flow.step("promote", async () => void tell("promote"));
  } catch (thrown) {
    tell((thrown as Error).name);
    await flow.step("undo", async () => void tell("undo")).catch((again: Error) => tell(again.name));
  }
  return null;
});
await engine.launch();
tell("launched");
await engine.start("deploy", id, null);
await engine.settled(id).then(
  () => tell("settled"),
  (thrown: Error) => tell(`settled: ${thrown.name}`),
);
process.exit(0);
