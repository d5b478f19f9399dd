import fc from "fast-check";
import { expect, test } from "vitest";
import { threadCpuMs } from "../testing/cpu-time.ts";
import { redactor, stripControl } from "./redactor.ts";
import { Secret } from "./secret.ts";
import { formsOf } from "./secret-forms.ts";
import { excerpt } from "./untrusted-text.ts";

const password = new Secret("PASSWORD", 'p@ss/wörd+"1?');
const token = new Secret("TOKEN", "ghs_16C7e42F292c6912E7");
const both = redactor([password, token]);

test.each([
  ["as it is", password.reveal()],
  ["percent-encoded", encodeURIComponent(password.reveal())],
  ["percent-encoded in lower case", encodeURIComponent(password.reveal()).replace(/%../g, (hex) => hex.toLowerCase())],
  ["as a form field", new URLSearchParams({ p: password.reveal() }).toString().slice(2)],
  ["in base64", Buffer.from(password.reveal()).toString("base64")],
  ["in base64url", Buffer.from(password.reveal()).toString("base64url")],
  ["in JSON", JSON.stringify(password.reveal()).slice(1, -1)],
  ["in JSON within JSON", JSON.stringify(JSON.stringify(password.reveal())).slice(3, -3)],
  ["in hexadecimal", Buffer.from(password.reveal()).toString("hex")],
  ["in upper-case hexadecimal", Buffer.from(password.reveal()).toString("hex").toUpperCase()],
])("K1 a secret %s is replaced by its name", (_, form) => {
  expect(both.text(`before ${form} after`)).toBe("before [PASSWORD] after");
});

test("K1 a secret in the middle of a base64 text leaves at most the characters it shares with its neighbours", () => {
  for (const prefix of ["", "u", "us", "user:", "alice:"]) {
    const shown = both.text(Buffer.from(`${prefix}${token.reveal()}:suffix`).toString("base64"));

    expect(shown, prefix).toContain("[TOKEN]");
    expect(Buffer.from(shown.replace("[TOKEN]", ""), "base64").toString("latin1"), prefix).not.toContain("16C7");
  }
});

test("K1 a stream cut at any position gives what the whole gives, for every form", () => {
  for (const form of new Set([...formsOf(password.reveal()), ...formsOf(token.reveal())])) {
    const text = `x${form}y${form}${form}z`;
    for (let cut = 0; cut <= text.length; cut++) {
      const stream = both.stream();
      const shown = stream.push(text.slice(0, cut)) + stream.push(text.slice(cut)) + stream.end();

      expect(shown, `${form} cut at ${cut}`).toBe(both.text(text));
      expect(shown).not.toContain(form);
    }
  }
});

test("K1 a stream cut into any pieces gives what the whole gives, also where secrets overlap or repeat", () => {
  const letters = (maxLength: number) => fc.string({ unit: fc.constantFrom("a", "b", "c", "_", " "), maxLength });
  const given = fc.array(letters(7), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(given, fc.array(letters(6), { maxLength: 12 }), (texts, pieces) => {
      const secrets = redactor(texts.map((text, index) => new Secret(`S${index}`, text)));
      const stream = secrets.stream();
      const shown = pieces.map((piece) => stream.push(piece)).join("") + stream.end();

      expect(shown).toBe(secrets.text(pieces.join("")));
      for (const text of texts) if (text.length >= 4) expect(shown).not.toContain(text);
    }),
    { numRuns: 2000 },
  );
});

test("K1 a stream holds back less than its longest form", () => {
  const longest = Math.max(...formsOf(token.reveal()).map((form) => form.length));
  const stream = redactor([token]).stream();

  const shown = stream.push("x".repeat(1000));

  expect(shown).toHaveLength(1000 - (longest - 1));
});

test("K1 a secret within another shows the outer one; two that overlap leave nothing of either", () => {
  const url = new Secret("DATABASE_URL", "postgres://app:hunter22@db/shop");
  const inner = new Secret("DB_PASSWORD", "hunter22");

  expect(redactor([inner, url]).text(`at ${url.reveal()}.`)).toBe("at [DATABASE_URL].");
  expect(redactor([new Secret("A", "abcdef"), new Secret("B", "defghi")]).text("<abcdefghi>")).toBe("<[A][B]>");
});

test("K1 the password of a URL is found alone as well, encoded and decoded, under its own name where it has one", () => {
  const url = new Secret("DATABASE_URL", "postgres://app:hunt%40er22@db/shop");

  expect(redactor([url]).text("for hunt%40er22 or hunt@er22")).toBe("for [DATABASE_URL] or [DATABASE_URL]");
  expect(redactor([url, new Secret("DB_PASSWORD", "hunt@er22")]).text("for hunt@er22")).toBe("for [DB_PASSWORD]");
});

test("K1 a very short secret is replaced only where it stands alone", () => {
  const pin = redactor([new Secret("PIN", "42")]);

  expect(pin.text("42, pin=42 but 1420 and x42 and 42_")).toBe("[PIN], pin=[PIN] but 1420 and x42 and 42_");
});

test("K1 a key file is found line by line, an empty secret nowhere", () => {
  const key = new Secret("KEY", "-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----\n");

  expect(redactor([key]).text("12:01 kqhkiG9w0BAQEF\n12:01 -----END KEY-----")).toBe(
    "12:01 [KEY]\n12:01 -----END KEY-----",
  );
  expect(redactor([new Secret("EMPTY", "")]).text("anything")).toBe("anything");
});

test("K1 JSON is redacted in its strings, keys and numbers and keeps its shape", () => {
  const secrets = redactor([token, new Secret("CODE", "123456")]);

  const shown = secrets.json({ a: [token.reveal(), 1, null, true], [`k ${token.reveal()}`]: { code: 123456 } });

  expect(shown).toEqual({ a: ["[TOKEN]", 1, null, true], "k [TOKEN]": { code: "[CODE]" } });
});

test("K1 fifty secrets and a key file slow a log stream down to no less than 20 MB/s", () => {
  const many = Array.from({ length: 50 }, (_, index) => new Secret(`S${index}`, `${index}`.padStart(4, "k").repeat(9)));
  const stream = redactor([...many, new Secret("PEM", "Zm9vYmFy".repeat(500))]).stream();
  const chunk = "2026-11-20T22:18:44Z info GET /api/users/12345 200 12 ms user=alice\n".repeat(1000);

  const startedAt = threadCpuMs();
  for (let round = 0; round < 100; round++) stream.push(chunk);

  expect((chunk.length * 100) / (threadCpuMs() - startedAt) / 1000).toBeGreaterThan(20);
});

test.each([
  ["colours", "\u001b[31mred\u001b[0m", "red"],
  ["a clipboard write", "a\u001b]52;c;ZXZpbA==\u0007b", "ab"],
  ["a title with the string terminator", "a\u001b]0;title\u001b\\b", "ab"],
  ["a sequence within a sequence", "\u001b\u001b[31m[31mx", "[31mx"],
  ["eight-bit control sequences", "a\u009b31mb\u009d0;t\u009cc", "abc"],
  ["carriage returns that hide a line", "real\rfake\r\n", "realfake\n"],
  ["backspaces, bells and NUL", "a\b\u0007\u0000b\tc", "ab\tc"],
  ["reversed reading direction", "a\u202eb", "ab"],
  ["a workflow command", "::add-mask::x", ": :add-mask::x"],
  ["an indented workflow command", "ok\n  \t::error file=a::b", "ok\n  \t: :error file=a::b"],
  ["a workflow command behind an escape", "\u001b[0m::set-output name=a::b", ": :set-output name=a::b"],
  ["an older workflow command", "x ##[error]y ##vso[task]z", "x # #[error]y # #vso[task]z"],
])("stripControl removes %s", (_, text, expected) => {
  expect(stripControl(text)).toBe(expected);
});

test("stripControl leaves no control character in any text, and is done after once", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("\u001b", "[", "]", ":", "#", "\r", "\n", "a", "\u009b", ";", "1", "\u0007") }),
      (text) => {
        const once = stripControl(text);

        expect(once).not.toMatch(/[^\P{Cc}\n\t]/u);
        expect(stripControl(once)).toBe(once);
        expect(once).not.toMatch(/^\s*::/m);
      },
    ),
    { numRuns: 3000 },
  );
});

test("stripControl is quick on text made to be slow", () => {
  const startedAt = threadCpuMs();
  for (const text of [" ", "\n", "\u2028", "\u001b[", "\u001b]", "::", "##"]) stripControl(text.repeat(300_000));

  expect(threadCpuMs() - startedAt).toBeLessThan(3000);
});

test("K1 an excerpt hides a secret that control characters had split, and is one short line", () => {
  const shown = excerpt(
    `a\n${token.reveal().slice(0, 5)}\u001b[0m${token.reveal().slice(5)} ${"x".repeat(50)}`,
    20,
    both.text,
  );

  expect(shown).toBe(`a [TOKEN] ${"x".repeat(10)}…`);
});
