/**
 * What YAML allows and a configuration must not have: doubled keys, keys that are no text, merge keys, numbers that no JSON
 * can hold, depth without end. Looked for in the syntax tree, where every node still knows its place.
 */
import type { Document, Node, Pair, YAMLMap } from "yaml";
import { isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Fault, Path } from "./faults.ts";
import { pathText } from "./faults.ts";

type Placed = (offset: number, path: string, what: string, fix: string) => Fault;
type Report = (node: Node | null | undefined, path: Path, what: string, fix: string) => void;

export const deepest = 32;

export function structureFaults(document: Document.Parsed, placed: Placed): readonly Fault[] {
  const faults: Fault[] = [];
  const report: Report = (node, path, what, fix) => {
    faults.push(placed(node?.range?.[0] ?? 0, pathText(path), what, fix));
  };
  if (!isMap(document.contents)) {
    report(
      document.contents as Node | null,
      [],
      "the file is not a mapping of keys to values",
      "begin with: sluice: 1",
    );
    return faults;
  }
  inspect(document, document.contents, [], report);
  return faults;
}

function inspect(document: Document.Parsed, node: unknown, path: Path, report: Report): void {
  if (path.length > deepest) report(node as Node, [], `this is nested more than ${deepest} levels deep`, "indent less");
  else if (isMap(node)) inspectMap(document, node as YAMLMap, path, report);
  else if (isSeq(node))
    for (const [index, item] of node.items.entries()) inspect(document, item, [...path, index], report);
  else if (isScalar(node)) inspectNumber(node as Node & { value: unknown; source?: string }, path, report);
  else if (isAlias(node) && node.resolve(document) === undefined) {
    report(node, path, `*${node.source} stands for nothing`, `quote it: "*${node.source}"`);
  }
}

function inspectNumber(
  node: Node & { readonly value: unknown; readonly source?: string },
  path: Path,
  report: Report,
): void {
  if (typeof node.value !== "number" && typeof node.value !== "bigint") return;
  const exact = typeof node.value === "number" && Number.isFinite(node.value);
  const rounded =
    Number.isInteger(node.value) && !Number.isSafeInteger(node.value) && /^[-+]?[0-9]+$/.test(node.source ?? "");
  if (exact && !rounded) return;
  report(node, path, `${node.source} is read as the number ${String(node.value)}`, `quote it: "${node.source}"`);
}

function inspectMap(document: Document.Parsed, map: YAMLMap, path: Path, report: Report): void {
  const seen = new Set<string>();
  for (const pair of map.items) {
    const name = keyFault(pair, seen, path, report);
    if (name === undefined) continue;
    seen.add(name);
    inspect(document, pair.value, [...path, name], report);
  }
}

/** The key's text, or undefined after a report. */
function keyFault(pair: Pair, seen: ReadonlySet<string>, path: Path, report: Report): string | undefined {
  const node = pair.key as Node | null;
  if (!isScalar(node) || node.value === null) {
    report(node ?? (pair.value as Node | null), path, "a key is no text", "write a name before the colon");
    return undefined;
  }
  const text = String(node.value);
  const problem = seen.has(text) ? doubled(text) : reserved(node.value);
  if (problem === undefined) return text;
  report(node, [...path, text], ...problem);
  return undefined;
}

const doubled = (text: string): [string, string] => [
  `the key ${JSON.stringify(text.slice(0, 64))} stands here a second time`,
  "keep one of the two",
];

function reserved(value: unknown): [string, string] | undefined {
  if (value === "<<") return ["YAML 1.2 has no merge key <<", "put what environments share under `defaults:`"];
  if (value === "__proto__") return ["__proto__ is reserved", "name it otherwise"];
  return typeof value === "string"
    ? undefined
    : [`the key ${String(value)} is no text`, `quote it: "${String(value)}"`];
}
