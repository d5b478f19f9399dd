/** What an environment serves: enough to start it again, with secrets by name (X6). */
import type { Artifact } from "./release.ts";
import type { ComponentSettings } from "./settings.ts";
import type { RevisionId } from "./traffic.ts";

export interface ServingComponent {
  readonly component: string;
  readonly revision: RevisionId;
  readonly version: string;
  readonly commit: string;
  readonly artifact: Artifact;
  /** The settings it was started with: its own scripts, not today's (data-safety.md, pain 15). */
  readonly settings: ComponentSettings;
}

export interface Serving {
  readonly deploymentId: string;
  readonly version: string;
  readonly commit: string;
  readonly sinceMs: number;
  readonly components: readonly ServingComponent[];
}

/** The version that every component has; null where one was rolled back by itself (X4). */
export function commonVersion(components: readonly Pick<ServingComponent, "version">[]): string | null {
  const versions = new Set(components.map(({ version }) => version));
  const [only] = versions;
  return versions.size === 1 && only !== undefined ? only : null;
}

/** Tells one component's copy from another's: all components of a deployment share their revision. */
export const placeOf = ({ component, revision }: Pick<ServingComponent, "component" | "revision">): string =>
  `${component} ${revision}`;
