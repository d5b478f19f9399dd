import fc from "fast-check";
import { expect, test } from "vitest";
import { deploymentIdFor, isDeploymentId, revisionFor, versionOfRevision } from "./ids.ts";

const commits = fc.stringMatching(/^[0-9a-f]{40}$/);

test("T6 an ID is the epoch second and 12 digits of the commit", () => {
  expect(deploymentIdFor(1_763_673_600_999, "3f2a9c1b22aa4d5e6f708192a3b4c5d6e7f80912")).toBe(
    "1763673600-3f2a9c1b22aa",
  );
});

test("T6 every ID that is made is recognised as one, also with a number behind", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1_600_000_000_000, max: 4_000_000_000_000 }),
      commits,
      fc.integer({ min: 2, max: 99 }),
      (nowMs, commit, n) => {
        const id = deploymentIdFor(nowMs, commit);
        expect([isDeploymentId(id), isDeploymentId(`${id}-${n}`)]).toEqual([true, true]);
      },
    ),
  );
});

test.each([
  "",
  "v1.0.0",
  "1763673600",
  "1763673600-3f2a9c1b22a",
  "1763673600-3F2A9C1B22AA",
  "1763673600-3f2a9c1b22aa/..",
  "x1763673600-3f2a9c1b22aa",
])("T6 %j is no ID", (text) => {
  expect(isDeploymentId(text)).toBe(false);
});

test("a revision tells its version, and two deployments of one version differ", () => {
  expect(versionOfRevision(revisionFor("v1.2.0-rc.1+b7", "1763673600-3f2a9c1b22aa"))).toBe("v1.2.0-rc.1+b7");
  expect(revisionFor("v1.2.0", "a")).not.toBe(revisionFor("v1.2.0", "b"));
});
