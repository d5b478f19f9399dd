/** What an adapter gives to the target contract: a fresh place with real things to start, spoil and crash. */
import type { Artifact } from "../domain/release.ts";
import type { RunSpec, Target } from "../ports/target.ts";

/** How the version that a spec describes should behave. `impostor`: its health answer names another version. */
export type WantedBehaviour = "good" | "crashes" | "never-ready" | "impostor";

export interface TargetWorld {
  readonly target: Target;
  /** A second adapter on the same place, as another process or machine would have it; the same one where that cannot be. */
  readonly other: Target;
  /** A spec that really can be started here. Its log says `boom` as the last line where it crashes. */
  spec(want: {
    readonly revision: string;
    readonly component?: string;
    readonly instances?: number;
    readonly behaviour?: WantedBehaviour;
  }): Promise<RunSpec>;
  /** How many instances were ever spawned for this revision, counted outside the target. */
  spawned(spec: RunSpec): Promise<number>;
  /** Ends the first instance of the revision, from outside. */
  crash(spec: RunSpec): Promise<void>;
  /** Changes the artifact by one byte. */
  spoil(artifact: Artifact): Promise<void>;
  close(): Promise<void>;
}
