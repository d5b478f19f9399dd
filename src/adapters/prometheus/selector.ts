/**
 * The vector selector that a template's placeholder stands in: what is scraped. Its samples' own times tell how old a value
 * is; the value alone does not, since Prometheus repeats the last one for five minutes.
 */

/** `http_requests_total{version="{{version}}"}`; undefined where no selector holds a placeholder. */
export function selectorIn(template: string): string | undefined {
  for (const match of template.matchAll(token)) {
    const { name = "", block } = match.groups ?? {};
    if (block?.includes("{{")) return `${name}${block}`;
  }
  return undefined;
}

/** Comments and strings are skipped, so that a brace inside of them begins nothing. */
const token =
  /#[^\n]*|(?<name>[A-Za-z_:][\w:]*)?\s*(?<block>\{(?:[^{}"'`]|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|`[^`]*`)*\})|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|`[^`]*`/g;
