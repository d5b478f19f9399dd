import { expect, test } from "vitest";
import { derivedVersion } from "./release.ts";
import { type Requested, takesPlaceOf, whosePlace } from "./supersede.ts";

const asked = (version: string, kind: Requested["kind"] = "deploy"): Requested => ({ id: version, kind, version });
const commit = (branch: string, day: number, hash: string) =>
  derivedVersion("1.4.0", branch, Date.UTC(2026, 10, day), hash);

test.each([
  ["a newer version", "v1.10.0", "v1.9.0", true],
  ["the same version again", "v1.9.0", "v1.9.0", true],
  ["an older version, asked for on purpose", "v1.8.0", "v1.9.0", false],
  ["a release after its candidate", "v2.0.0", "v2.0.0-rc.1", true],
  ["a candidate asked for after its release", "v2.0.0-rc.1", "v2.0.0", false],
  ["another build of it", "v1.9.0+2", "v1.9.0+1", true],
  ["a later commit of the day, whatever its name", commit("main", 20, "0aaaaaa"), commit("main", 20, "fffffff"), true],
  ["a commit of an earlier day", commit("main", 19, "fffffff"), commit("main", 20, "0aaaaaa"), false],
  ["a commit of another branch", commit("a-branch", 19, "3f2a9c1"), commit("main", 20, "3f2a9c1"), true],
  ["something that is no version", "nightly", "v1.0.0", true],
])("P3 L1 takes the place of what was asked for before: %s, %s over %s", (_what, later, earlier, wanted) => {
  expect(takesPlaceOf(asked(later), asked(earlier))).toBe(wanted);
});

test("X3 a rollback is never superseded and never supersedes", () => {
  expect(takesPlaceOf(asked("v2.0.0"), asked("v1.0.0", "rollback"))).toBe(false);
  expect(takesPlaceOf(asked("v2.0.0", "rollback"), asked("v1.0.0"))).toBe(false);
});

test("P3 only what was asked for earlier loses its place", () => {
  const rows = ["v1.4.0", "v1.3.0", "v1.5.0", "v1.2.0"].map((version) => asked(version));

  expect(whosePlace("v1.3.0", rows).map(({ version }) => version)).toEqual(["v1.2.0"]);
  expect(whosePlace("v1.4.0", rows).map(({ version }) => version)).toEqual(["v1.3.0", "v1.2.0"]);
  expect(whosePlace("unheard-of", rows)).toEqual([]);
});
