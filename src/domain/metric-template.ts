/**
 * Query templates: `{{version}}` and its like, replaced by values that are escaped for the language they are put into. A
 * version's name comes from a git tag, so it is data: it may never become a part of the query.
 */
import type { RevisionId } from "./traffic.ts";

export const armPlaceholders = ["version", "revision", "component", "environment"] as const;
export const intervalPlaceholders = ["fromMs", "toMs", "fromSeconds", "toSeconds"] as const;
export type Placeholder = (typeof armPlaceholders)[number] | (typeof intervalPlaceholders)[number];

export type TemplateValues = Readonly<Partial<Record<Placeholder, string>>>;

export type Language = "promql" | "nrql" | "datadog" | "url" | "json-pointer" | "haproxy-name";

export type Rendered =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "fault"; readonly reason: string };

const placeholder = /\{\{\s*([A-Za-z]+)\s*\}\}/g;

/** Whether the text asks for one of the placeholders. */
export const asksFor = (template: string, ...names: readonly Placeholder[]): boolean =>
  [...template.matchAll(placeholder)].some(([, name]) => (names as readonly string[]).includes(name ?? ""));

/** Why a template cannot be meant; undefined where it can. Values are not needed to tell. */
export function templateFault(template: string, language: Language): string | undefined {
  const allowed: readonly string[] =
    language === "url" ? [...armPlaceholders, ...intervalPlaceholders] : armPlaceholders;
  for (const match of template.matchAll(placeholder)) {
    const [whole, name = ""] = match;
    if (!allowed.includes(name))
      return `${whole} is not a placeholder here; there are ${allowed.map((word) => `{{${word}}}`).join(", ")}`;
    const outside = placeFault(template.slice(0, match.index), language);
    if (outside) return `${whole} ${outside}`;
  }
  return undefined;
}

function placeFault(before: string, language: Language): string | undefined {
  if (language === "promql" && !['"', "'"].includes(stringAround(before).quote ?? ""))
    return 'must stand inside a string in single or double quotes, as in version="{{version}}"';
  if (language === "nrql" && stringAround(before).quote !== "'")
    return "must stand inside a string in single quotes, as in appVersion = '{{version}}'";
  return undefined;
}

/** The template with its values, or why one of them cannot be put there. */
export function render(template: string, values: TemplateValues, language: Language): Rendered {
  let reason: string | undefined;
  const text = template.replace(placeholder, (whole: string, name: string, at: number) => {
    const value = values[name as Placeholder];
    const put = value === undefined ? undefined : escapes[language](value, template.slice(0, at));
    reason ??= put === undefined ? whyNot(whole, name, value) : undefined;
    return put ?? "";
  });
  return reason === undefined ? { kind: "text", text } : { kind: "fault", reason };
}

const whyNot = (whole: string, name: string, value: string | undefined): string => {
  if (value !== undefined) return `${whole} is ${JSON.stringify(value)}, which cannot be written in this query`;
  return name === "revision" || name === "component"
    ? `the query asks for ${whole} but the metric names no component that both versions have`
    : `the query asks for ${whole}, which is not known here`;
};

type Escape = (value: string, before: string) => string | undefined;

const plain = /^[A-Za-z0-9._~/+@:-]+$/;

const escapes: Readonly<Record<Language, Escape>> = {
  promql: (value, before) => {
    const around = stringAround(before);
    if (around.quote === undefined || around.quote === "`") return undefined;
    return promqlLiteral(around.regex ? value.replace(/[\\.+*?()|[\]{}^$]/g, "\\$&") : value);
  },
  // NRQL has no escape that all its versions share, so what would need one is refused.
  nrql: (value) => (plain.test(value) ? value : undefined),
  // Datadog stores tags in lower case, with every other character as an underscore.
  datadog: (value) => value.toLowerCase().replace(/[^a-z0-9_\-:./]/g, "_"),
  url: (value) => encodeURIComponent(value),
  "json-pointer": (value) => value.replaceAll("~", "~0").replaceAll("/", "~1"),
  "haproxy-name": (value) => value.replace(/[^A-Za-z0-9_.:-]/g, "-"),
};

const promqlLiteral = (value: string): string =>
  value
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("'", "\\'")
    .replaceAll("\n", "\\n")
    .replaceAll("\r", "\\r");

interface StringAround {
  /** The quote of the string that is open at the end of the text. */
  readonly quote: string | undefined;
  /** It is the right side of `=~` or `!~`. */
  readonly regex: boolean;
}

/** Walks over strings and `#` comments as PromQL has them; NRQL's strings are alike. */
function stringAround(before: string): StringAround {
  const token = /#[^\n]*|"(?:[^"\\]|\\[\s\S])*"|'(?:[^'\\]|\\[\s\S])*'|`[^`]*`|(["'`])[\s\S]*$/g;
  for (const match of before.matchAll(token)) {
    const [, open] = match;
    if (open !== undefined) return { quote: open, regex: /[=!]~\s*$/.test(before.slice(0, match.index)) };
  }
  return { quote: undefined, regex: false };
}

export interface Arm {
  readonly version: string;
  readonly revisions: Readonly<Record<string, RevisionId>>;
}

/** What a version is called in templates. The component is the metric's own, or the only one there is. */
export function armValues(arm: Arm, component: string | null, environment: string): TemplateValues {
  const names = Object.keys(arm.revisions);
  const chosen = component ?? (names.length === 1 ? names[0] : undefined);
  const revision = chosen !== undefined && Object.hasOwn(arm.revisions, chosen) ? arm.revisions[chosen] : undefined;
  return {
    version: arm.version,
    environment,
    ...(chosen === undefined ? {} : { component: chosen }),
    ...(revision === undefined ? {} : { revision }),
  };
}

/** Whether two arms are one and the same version, as where the stable version's own history is read. */
export function isSameArm(one: Arm, other: Arm): boolean {
  const components = (arm: Arm) => JSON.stringify(Object.entries(arm.revisions).toSorted());
  return one.version === other.version && components(one) === components(other);
}
