/** Where backups lie, from sluice.yaml to settings: which layer says it, what is left out, and what does not go together. */
import { describe, expect, test } from "vitest";
import { placeOfBackups } from "../domain/backup-place.ts";
import { SluiceError } from "../domain/errors.ts";
import { loadConfiguration } from "./load.ts";
import { resolveEnvironment } from "./resolve.ts";

const readFile = (): string => "";

function loaded(production: string, defaults = "{}") {
  const text = `sluice: 1
project: shop
components: { web: { command: [node, web.mjs], route: { port: 8080 } } }
secrets: { ACCESS: { env: ACCESS, required: false }, KEY: { env: KEY, required: false } }
databases: { main: { kind: sqlite, file: data/shop.sqlite } }
defaults: ${defaults}
environments: { production: { policy: basic, backup: ${production} } }
`;
  return loadConfiguration({ file: "sluice.yaml", text, readFile });
}

function backupOf(production: string, defaults?: string) {
  const { configuration } = loaded(production, defaults);
  return resolveEnvironment(configuration, "production", { projectFolder: "/project", readFile }).backup;
}

function refusalOf(production: string): string {
  try {
    loaded(production);
  } catch (error) {
    if (error instanceof SluiceError) return error.message;
    throw error;
  }
  throw new Error("it was accepted");
}

const keys = "accessKey: { secret: ACCESS }, secretKey: { secret: KEY }";

describe("where backups lie", () => {
  test("B2 a folder, by either of its names", () => {
    expect(backupOf("{ folder: kept }").folder).toBe("/project/kept");
    expect(backupOf("{ store: { kind: disk, folder: kept } }").folder).toBe("/project/kept");
    expect(backupOf("{}").folder).toBe("/project/.sluice/backups");
    expect(backupOf("{}").store).toBeUndefined();
  });

  test("B2 a bucket, with what holds where nothing is said", () => {
    const backup = backupOf(`{ store: { kind: s3, bucket: kept, endpoint: "https://s3.example.com", ${keys} } }`);

    expect(backup.store).toEqual({
      kind: "s3",
      bucket: "kept",
      prefix: "sluice/",
      endpoint: "https://s3.example.com",
      region: "us-east-1",
      pathStyle: true,
      credentials: { accessKey: { secret: "ACCESS" }, secretKey: { secret: "KEY" } },
      objectLock: null,
      encryption: null,
    });
    expect(placeOfBackups(backup)).toBe("s3://kept/sluice");
  });

  test("B2 Amazon's own store needs no endpoint, and no keys where the machine has a role", () => {
    const { store } = backupOf(
      "{ store: { kind: s3, bucket: kept, prefix: a/b/, objectLock: { mode: compliance, days: 30 } } }",
    );

    expect(store).toMatchObject({ prefix: "a/b/", endpoint: null, pathStyle: false, credentials: null });
    expect(store?.objectLock).toEqual({ mode: "compliance", days: 30 });
  });

  test("B2 the nearest layer says where, and as a whole: a folder here stands before a bucket for all", () => {
    const everywhere = `{ backup: { store: { kind: s3, bucket: kept, prefix: all, ${keys} } } }`;

    expect(backupOf("{}", everywhere).store).toMatchObject({ bucket: "kept", prefix: "all/" });
    expect(backupOf("{ folder: here }", everywhere)).toMatchObject({ folder: "/project/here" });
    expect(backupOf("{ folder: here }", everywhere).store).toBeUndefined();
    expect(backupOf("{ store: { kind: s3, bucket: own } }", everywhere).store).toMatchObject({
      bucket: "own",
      prefix: "sluice/",
      credentials: null,
    });
    expect(backupOf("{ store: { kind: s3, bucket: own } }", "{ backup: { folder: there } }").store?.bucket).toBe("own");
  });

  test.each([
    ["two places at once", "{ folder: a, store: { kind: disk, folder: b } }", "both say where"],
    ["a key without its secret", "{ store: { kind: s3, bucket: kept, accessKey: x } }", "belong together"],
    ["a secret in the file", "{ store: { kind: s3, bucket: kept, accessKey: x, secretKey: y } }", "secretKey"],
    ["an undeclared secret", `{ store: { kind: s3, bucket: kept, accessKey: x, secretKey: { secret: NO } } }`, "NO"],
    ["a bucket that is none", "{ store: { kind: s3, bucket: Kept_Here } }", "cannot name a bucket"],
    ["a prefix that leads away", "{ store: { kind: s3, bucket: kept, prefix: ../x } }", "is no prefix"],
    ["no prefix", '{ store: { kind: s3, bucket: kept, prefix: "" } }', "is no prefix"],
    ["another kind", "{ store: { kind: ftp, folder: x } }", "kind"],
  ])("F2 %s is refused", (_, written, words) => {
    expect(refusalOf(written)).toContain(words);
  });

  test("K1 backups over plain http to another machine are warned about", () => {
    const at = (endpoint: string) =>
      loaded(`{ store: { kind: s3, bucket: kept, endpoint: "${endpoint}", ${keys} } }`).warnings.map(
        ({ what }) => what,
      );

    expect(at("http://s3.example.com")).toContain("backups would travel unencrypted");
    expect(at("http://127.0.0.1:9000")).toEqual([]);
    expect(at("https://s3.example.com")).toEqual([]);
  });
});
