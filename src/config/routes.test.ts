/** Routes as they are written: users who keep a version, testers who choose one. */
import { expect, test } from "vitest";
import { SluiceError } from "../domain/errors.ts";
import type { RouteSettings } from "../domain/routing.ts";
import { loadConfiguration } from "./load.ts";
import { resolveEnvironment } from "./resolve.ts";

const readFile = (): string => "";

function routeOf(route: string, secrets = "{}"): RouteSettings | null | undefined {
  const text = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: ${route} } }
secrets: ${secrets}
environments: { production: { policy: basic, ports: { web: 9090 } } }`;
  const { configuration } = loadConfiguration({ file: "sluice.yaml", text, readFile });
  return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile }).components[0]?.route;
}

const refusalOf = (route: string, secrets?: string): string => {
  try {
    routeOf(route, secrets);
    return "accepted";
  } catch (error) {
    return error instanceof SluiceError ? `${error.message} ${error.failure.evidence ?? ""}` : String(error);
  }
};

test("a route without more is an address, and nothing decides besides the weights", () => {
  expect(routeOf("{ port: 8080 }")).toEqual({ host: "127.0.0.1", port: 9090 });
});

test("R1 users keep their version by a cookie or by a header", () => {
  expect(routeOf("{ port: 8080, sticky: { kind: cookie } }")?.sticky).toEqual({
    kind: "cookie",
    name: "sluice-visitor",
    secure: false,
    forward: false,
  });
  expect(routeOf("{ port: 8080, sticky: { kind: header, name: X-User-Id } }")?.sticky).toEqual({
    kind: "header",
    name: "x-user-id",
  });
});

test("K1 testers choose by a header, and their token is the name of a declared secret", () => {
  const route = "{ port: 8080, testers: { token: { secret: TESTER_TOKEN } } }";

  expect(routeOf("{ port: 8080, testers: {} }")?.testers).toEqual({ header: "x-sluice-version", token: null });
  expect(routeOf(route, "{ TESTER_TOKEN: { env: TESTER_TOKEN } }")?.testers?.token).toEqual({ secret: "TESTER_TOKEN" });
  expect(refusalOf(route)).toContain("the secret TESTER_TOKEN is not declared");
});

test.each([
  ["{ port: 1, testers: { header: Host } }", "has a meaning of its own"],
  ["{ port: 1, sticky: { kind: header, name: cookie } }", "has a meaning of its own"],
  ["{ port: 1, sticky: { kind: cookie, name: 'a b' } }", "not the name of a header or a cookie"],
  ["{ port: 1, sticky: { kind: cookie, name: 'a;b=c' } }", "not the name of a header or a cookie"],
  ["{ port: 1, sticky: { kind: header, name: x-a }, testers: { header: X-A } }", "the same header decides twice"],
])("%s is refused: %s", (route, why) => {
  expect(refusalOf(route)).toContain(why);
});
