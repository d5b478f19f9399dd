import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, test } from "vitest";
import { realClock } from "../../testing/real-clock.ts";
import { tokenVariable } from "./instance-records.ts";
import { isAnothersPort } from "./port-owner.ts";
import { waitUntilReady } from "./wait-until-ready.ts";

const server = `require("node:http").createServer((_, response) => response.end('{"version":"v1.0.0"}'))
  .listen(0, "127.0.0.1", function () { console.log(this.address().port); })`;

async function listener(token: string | undefined) {
  const variables = token === undefined ? {} : { [tokenVariable]: token };
  const child = spawn(process.execPath, ["-e", server], { env: variables, stdio: ["ignore", "pipe", "inherit"] });
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  return {
    port: Number(said.toString()),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

test.runIf(process.platform === "linux")(
  "R2 an instance is not taken for ready by the answer of another environment's that got its port first, though both are of one version",
  async () => {
    await using theirs = await listener("root-b/web/v1.0.0~1/0/abc");
    let asked = 0;
    const ready = await waitUntilReady({
      host: "127.0.0.1",
      port: theirs.port,
      probe: { path: "/", expectStatus: 200, expectVersion: "v1.0.0", intervalMs: 10, timeoutMs: 30_000 },
      // Ours finds the port taken and ends.
      isRunning: async () => ++asked < 5,
      isAnothers: () => isAnothersPort(theirs.port, "root-a/web/v1.0.0~1/0/def"),
      clock: realClock(),
      signal: new AbortController().signal,
    });

    expect(ready).toEqual({ kind: "ended" });
  },
);

test.runIf(process.platform === "linux")(
  "R2 its own port, and one of a process that no Sluice started, is nobody else's",
  async () => {
    await using ours = await listener("root-a/web/v1.0.0~1/0/abc");
    await using stranger = await listener(undefined);

    expect(await isAnothersPort(ours.port, "root-a/web/v1.0.0~1/0/abc")).toBe(false);
    expect(await isAnothersPort(ours.port, "root-b/web/v1.0.0~1/0/abc")).toBe(true);
    expect(await isAnothersPort(stranger.port, "root-a/web/v1.0.0~1/0/abc")).toBe(false);
  },
);
