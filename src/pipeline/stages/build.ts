/** T9 U1: a production build before anything is touched; its digest is what is approved and what will run. */
import type { Artifact, Release } from "../../domain/release.ts";
import type { BuildRequest } from "../../ports/builder.ts";
import type { Stage } from "../stage.ts";

export const build: Stage<
  { release: Release; components: BuildRequest["components"] },
  BuildRequest,
  readonly Artifact[]
> = {
  name: "build",
  touches: "artifacts",
  plan: ({ settings, release, artifacts }) =>
    settings.components.map(({ name, build: commands }) => {
      const digest = artifacts.find((artifact) => artifact.component === name)?.digest;
      const how = commands.length === 0 ? "the tree as it is" : commands.map((argv) => argv.join(" ")).join(", then ");
      return `${name} ${release.version}: ${how}${digest ? `, digest ${digest.slice(0, 19)}…` : ""}`;
    }),
  expectedMs: ({ settings }) => 5_000 * settings.components.length,
  prepare: ({ release, components }) => ({ commit: release.commit, version: release.version, components }),
  async run(request, { parts, signal, log }) {
    let written: Promise<void> = Promise.resolve();
    const artifacts = await parts.builder.build(
      request,
      (component, line) => {
        // Lines keep their order, and a failure to write them is not lost.
        written = written.then(() => log(`build-${component}.log`, line));
      },
      signal,
    );
    await written;
    return artifacts;
  },
  summary: (artifacts) => artifacts.map(({ component, digest }) => `${component} ${digest.slice(7, 19)}`).join(", "),
};
