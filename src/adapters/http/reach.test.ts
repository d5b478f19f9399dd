import type { LookupAddress } from "node:dns";
import type { LookupFunction } from "node:net";
import { expect, test } from "vitest";
import { httpServer } from "../../testing/local-servers.ts";
import { realClock } from "../../testing/real-clock.ts";
import { httpClient } from "./http-client.ts";
import { addressFault, guardedLookup, ReachRefused } from "./reach.ts";

test("row 9: no way of writing a private address reaches it where only public ones are allowed", async () => {
  let hits = 0;
  await using trap = await httpServer((_, response) => void response.end(String(hits++)));
  const client = httpClient({ clock: realClock(), reach: "public" });
  const hosts = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "017700000001",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[64:ff9b::7f00:1]",
    "①②⑦.0.0.1",
    "127。0。0。1",
  ];

  for (const host of hosts) {
    const answer = await client.ask(
      { url: new URL(`http://${host}:${trap.port}/`), timeoutMs: 1000 },
      new AbortController().signal,
    );

    expect(answer, host).toMatchObject({ kind: "no-answer", fault: "refused" });
  }
  expect(hits).toBe(0);
});

test.each(["169.254.169.254", "fd00:ec2::254", "fe80::1", "100.100.100.200", "::ffff:169.254.169.254"])(
  "row 11: the metadata address %s is out of reach everywhere",
  (address) => {
    expect(addressFault(address, "anywhere")).toContain("metadata");
    expect(addressFault(address, "public")).toBeDefined();
  },
);

test.each(["127.0.0.1", "10.1.2.3", "::1", "fd12::1", "93.184.216.34"])("%s may be declared", (address) => {
  expect(addressFault(address, "anywhere")).toBeUndefined();
});

test.each(["93.184.216.34", "2606:2800:220:1::1"])("%s is public", (address) => {
  expect(addressFault(address, "public")).toBeUndefined();
});

const answering =
  (...addresses: string[]): LookupFunction =>
  (_, __, callback) =>
    callback(
      null,
      addresses.map((address): LookupAddress => ({ address, family: address.includes(":") ? 6 : 4 })),
    );

test("row 10: the address that is connected to is the one that was judged, and one bad address refuses the name", () => {
  const outcomes: unknown[] = [];
  const look = (addresses: string[], all: boolean) =>
    guardedLookup("public", answering(...addresses))("shop.example", { all }, (error, address) =>
      outcomes.push(error ?? address),
    );

  look(["93.184.216.34"], false);
  look(["93.184.216.34"], true);
  look(["93.184.216.34", "127.0.0.1"], true);
  look(["::ffff:10.0.0.1"], false);

  expect(outcomes).toEqual([
    "93.184.216.34",
    [{ address: "93.184.216.34", family: 4 }],
    expect.any(ReachRefused),
    expect.any(ReachRefused),
  ]);
});
