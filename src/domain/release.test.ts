import fc from "fast-check";
import semver from "semver";
import { describe, expect, test } from "vitest";
import { derivedVersion, refMatches, versionFault } from "./release.ts";

describe("T1 a version that may name a release", () => {
  test.each(["v1.4.0", "1.4.0", "v2.0.0-rc.1", "v1.0.0-alpha.1+build.7", "v0.0.1"])("%s", (version) => {
    expect(versionFault(version)).toBeUndefined();
  });

  test.each([
    ["", /not a semantic version/],
    ["latest", /not a semantic version/],
    ["v1.4", /not a semantic version/],
    ["v01.2.3", /not a semantic version/],
    ["vv1.2.3", /not a semantic version/],
    ["=v1.2.3", /not a semantic version/],
    ["v=1.2.3", /not a semantic version/],
    ["v1.2.3 ", /white space/],
    ["v1.2.3\n", /white space/],
    ["-v1.2.3", /dash/],
    ["--upload-pack=x", /dash/],
    [`v1.0.0-${"a".repeat(200)}`, /longer/],
  ])("but not %j", (version, reason) => {
    expect(versionFault(version)).toMatch(reason);
  });

  test("never holds anything that a shell, a path or a route would read differently", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (text) => {
        const name = `v1.2.3${text}`;
        if (versionFault(name) === undefined) expect(name).toMatch(/^[0-9A-Za-z.+-]+$/);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe("T1 the version of an untagged commit", () => {
  const commit = "3f2a9c1b22aa4d5e6f708192a3b4c5d6e7f80912";

  test("names day, branch and commit", () => {
    expect(derivedVersion("1.4.0", "main", Date.UTC(2026, 10, 20), commit)).toBe("1.4.0-main.20261120.3f2a9c1");
  });

  test("is always a version, whatever the branch and the commit are called", () => {
    const hex = fc.stringMatching(/^[0-9a-f]{40}$/);
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), hex, (branch, sha) => {
        expect(versionFault(derivedVersion("1.4.0", branch.slice(0, 60), Date.UTC(2026, 0, 1), sha))).toBeUndefined();
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ["main", "0123456"],
    ["007", "3f2a9c1"],
  ])("is a version also for branch %s and commit %s…", (branch, digits) => {
    const version = derivedVersion("1.4.0", branch, Date.UTC(2026, 0, 1), `${digits}${"a".repeat(33)}`);

    expect(versionFault(version)).toBeUndefined();
  });

  test("sorts before the release it leads to", () => {
    const derived = derivedVersion("1.4.0", "main", Date.UTC(2026, 0, 1), commit);

    expect(semver.lt(derived, "1.4.0")).toBe(true);
    expect(semver.gt(derived, "1.3.9")).toBe(true);
  });
});

describe("P5 refs and their patterns", () => {
  test.each([
    ["v*", "v1.0.0", true],
    ["v*", "release/v1.0.0", false],
    ["v*", "v1/2", false],
    ["release/**", "release/a/b", true],
    ["release/*", "release/a/b", false],
    ["main", "main", true],
    ["main", "maintenance", false],
    ["v1.*", "v1x0", false],
    ["v[0-9]*", "v1.0.0", false],
    ["(a+)+$", "aaaa", false],
  ])("%s matches %s: %j", (pattern, name, matches) => {
    expect(refMatches(pattern, name)).toBe(matches);
  });

  test("a pattern without stars matches itself and nothing else", () => {
    const plain = fc.string().filter((text) => !text.includes("*"));
    fc.assert(
      fc.property(plain, plain, (pattern, name) => {
        expect(refMatches(pattern, name)).toBe(pattern === name);
      }),
    );
  });
});
