/** Turns a commit into artifacts, once: the digest that is approved is the digest that is deployed (T9, U1). */
import type { Artifact } from "../domain/release.ts";

export interface BuildRequest {
  readonly commit: string;
  readonly version: string;
  /** Components to build, with the command for each (argv, no shell, run in the exported tree); none: the tree is the artifact. */
  readonly components: readonly { readonly name: string; readonly build: readonly (readonly string[])[] }[];
}

export interface Builder {
  readonly kind: string;
  /** Idempotent by commit and commands: a finished build is found again by its digest, a half-finished one is redone. */
  build(
    request: BuildRequest,
    log: (component: string, line: string) => void,
    signal: AbortSignal,
  ): Promise<readonly Artifact[]>;
}
