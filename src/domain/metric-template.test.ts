import fc from "fast-check";
import { expect, test } from "vitest";
import { armValues, isSameArm, type Language, render, templateFault } from "./metric-template.ts";

const put = (template: string, version: string, language: Language): string => {
  const rendered = render(template, { version }, language);
  return rendered.kind === "text" ? rendered.text : `fault: ${rendered.reason}`;
};

test.each<[Language, string, string, string]>([
  ["promql", 'x{v="{{version}}"}', 'a"\\b', 'x{v="a\\"\\\\b"}'],
  ["promql", "x{v='{{ version }}'}", "it's", "x{v='it\\'s'}"],
  ["promql", 'x{v=~"{{version}}"}', "v1.2+a", 'x{v=~"v1\\\\.2\\\\+a"}'],
  ["promql", 'x{a="=~",v="{{version}}"}', "v1.2", 'x{a="=~",v="v1.2"}'],
  ["promql", '# a "comment\nx{v="{{version}}"}', "v1", '# a "comment\nx{v="v1"}'],
  [
    "nrql",
    "v = '{{version}}'",
    "v1' OR '1",
    "fault: {{version}} is \"v1' OR '1\", which cannot be written in this query",
  ],
  ["datadog", "{version:{{version}}}", "V1.2.0~9 x", "{version:v1.2.0_9_x}"],
  ["url", "http://h/{{version}}?v={{version}}", "a/b?c&d", "http://h/a%2Fb%3Fc%26d?v=a%2Fb%3Fc%26d"],
  ["json-pointer", "/{{version}}/n", "a/b~c", "/a~1b~0c/n"],
  ["haproxy-name", "{{version}}-*", "v1~2/3", "v1-2-3-*"],
])("O4 a version is data in %s: %s", (language, template, version, text) => {
  expect(put(template, version, language)).toBe(text);
});

test("O4 no version's name gets out of the PromQL string that it stands in", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.constantFrom('"', "'"), (version, quote) => {
      const text = put(`x{v=${quote}{{version}}${quote}} + 1`, version, "promql");
      const literal = text.slice('x{v="'.length, -`${quote}} + 1`.length);

      // Between the quotes there is neither an unescaped quote nor a line break, and no escape that is cut off.
      expect(literal).toMatch(/^(?:[^\\"'\n]|\\[\s\S])*$/);
      expect(literal.replace(/\\([\s\S])/g, (_, escaped: string) => ({ n: "\n", r: "\r" })[escaped] ?? escaped)).toBe(
        version,
      );
    }),
  );
});

test("O4 in a regular expression a version matches itself and nothing else", () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9._+()[\]{}^$|*?-]{1,20}$/), (version) => {
      const text = put('x{v=~"{{version}}"}', version, "promql");
      const pattern = new RegExp(`^(?:${text.slice('x{v=~"'.length, -'"}'.length).replaceAll("\\\\", "\\")})$`);

      expect(pattern.test(version)).toBe(true);
      expect(pattern.test(`${version}x`)).toBe(false);
    }),
  );
});

test("O4 a placeholder that cannot be filled is named", () => {
  const values = armValues({ version: "v1", revisions: { web: "v1~1", api: "v1~2" } }, null, "production");

  expect(render("{{revision}}", values, "url")).toEqual({
    kind: "fault",
    reason: "the query asks for {{revision}} but the metric names no component that both versions have",
  });
  expect(templateFault("{{fromMs}}", "datadog")).toMatch(/is not a placeholder here/);
  expect(templateFault("{{fromMs}}", "url")).toBeUndefined();
});

test("O4 the component is the metric's own or the only one there is, and its revision goes with it", () => {
  const arm = { version: "v1", revisions: { web: "v1~1", api: "v1~2" } };

  expect(armValues(arm, "api", "p")).toEqual({ version: "v1", environment: "p", component: "api", revision: "v1~2" });
  expect(armValues({ version: "v1", revisions: { web: "v1~1" } }, null, "p")).toMatchObject({
    component: "web",
    revision: "v1~1",
  });
  expect(armValues(arm, "constructor", "p")).not.toHaveProperty("revision");
  expect(isSameArm(arm, { version: "v1", revisions: { api: "v1~2", web: "v1~1" } })).toBe(true);
  expect(isSameArm(arm, { ...arm, version: "v2" })).toBe(false);
});
