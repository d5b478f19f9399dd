/** A world for one test, gone with it. */
import { onTestFinished } from "vitest";
import { scenarioWorld, type World, type WorldOptions } from "./world.ts";

export function inWorld(options?: WorldOptions): World {
  const world = scenarioWorld(options);
  onTestFinished(() => world.dispose());
  return world;
}

/** A world in which `v1.0.0` serves already. */
export async function inServingWorld(options?: WorldOptions): Promise<World> {
  const world = inWorld(options);
  const { outcome } = await world.deploy("v1.0.0");
  if (outcome !== "succeeded") throw new Error(`the first deployment ended as ${outcome}`);
  return world;
}
