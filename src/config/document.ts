/**
 * From text to plain data, with the place of every key and value. Whatever the text is, this ends quickly and throws nothing
 * but `ConfigurationFaults`: size, number of tokens, depth and aliases are limited before anything recursive touches it.
 */
import type { Document, Node, Pair, YAMLMap } from "yaml";
import { isAlias, isMap, isScalar, isSeq, Lexer, LineCounter, parseDocument } from "yaml";
import type { Fault, Path } from "./faults.ts";
import { ConfigurationFaults, inOrder, pathText } from "./faults.ts";
import { deepest, structureFaults } from "./structure.ts";

/** A fault without its place in the file: `key` points at the key, `value` at what stands behind it. */
export interface Finding {
  readonly path: Path;
  readonly at: "key" | "value";
  readonly what: string;
  readonly fix: string;
}

export interface ParsedFile {
  readonly data: unknown;
  locate(finding: Finding): Fault;
  /** As it is written, before YAML made a number or a boolean of it; undefined where there is no scalar. */
  sourceText(path: Path): string | undefined;
  /** Was anything written there? */
  has(path: Path): boolean;
}

const mostBytes = 1 << 20;
/** About 5,000 lines. Some parts of the parser are quadratic in the number of tokens. */
const mostTokens = 50_000;
const mostAliases = 100;

export function parseFile(file: string, text: string): ParsedFile {
  refuseHuge(file, text);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    version: "1.2",
    schema: "core",
    strict: true,
    // Looked for in structure.ts instead: the parser compares every key with every other.
    uniqueKeys: false,
    prettyErrors: false,
    lineCounter: lines,
    // `silent` would also keep quiet about a second document.
    logLevel: "error",
  });
  const placed = (offset: number, path: string, what: string, fix: string): Fault => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col), path, what, fix };
  };
  const broken = [...document.errors, ...document.warnings].map(({ pos, message, code }) =>
    placed(pos[0], "", ...yamlFault(code, message, text, pos[0])),
  );
  if (broken.length > 0) throw new ConfigurationFaults(firstOfEachLine(broken).slice(0, 10));
  if (document.contents === null || (isScalar(document.contents) && document.contents.value === null)) {
    throw fileFault(file, "the file is empty", "write it by: sluice init");
  }
  const structure = structureFaults(document, placed);
  if (structure.length > 0) throw new ConfigurationFaults(structure);
  return { data: toData(document, file), ...placesOf(document, placed) };
}

/** After its first mistake on a line the parser complains about what follows from it. */
const firstOfEachLine = (faults: readonly Fault[]): readonly Fault[] =>
  inOrder(faults).filter(({ line }, index, all) => line !== all[index - 1]?.line);

export const fileFault = (file: string, what: string, fix: string): ConfigurationFaults =>
  new ConfigurationFaults([{ file, line: 1, column: 1, path: "", what, fix }]);

function refuseHuge(file: string, text: string): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > mostBytes) {
    throw fileFault(file, `the file has ${bytes} bytes, and the limit is 1 MiB`, "take out what is no configuration");
  }
  let tokens = 0;
  let depth = 0;
  let aliases = 0;
  let before = "";
  for (const token of new Lexer().lex(text)) {
    depth += deeper[token] ?? 0;
    if (depth > deepest) throw tooDeep(file);
    // Each alias is looked for in the whole document.
    if (isAliasToken(token, before) && ++aliases > mostAliases) throw tooManyAliases(file);
    before = token;
    if (++tokens > mostTokens) {
      throw fileFault(file, "the file is far too long for a configuration", "take out what is no configuration");
    }
  }
}

/** The parser's mark of a scalar comes before a text, whatever the text begins with. */
const isAliasToken = (token: string, before: string): boolean => token.startsWith("*") && before !== "\u001f";

const tooManyAliases = (file: string): ConfigurationFaults =>
  fileFault(file, "aliases stand for too much, or for themselves", "write the values out instead of using * aliases");

const deeper: Readonly<Record<string, number>> = { "[": 1, "{": 1, "]": -1, "}": -1 };

const tooDeep = (file: string): ConfigurationFaults =>
  fileFault(file, `something is nested more than ${deepest} levels deep`, "close the brackets, or indent less");

/** What is wrong and how to mend it, for the parser's own errors. */
function yamlFault(code: string, message: string, text: string, offset: number): [string, string] {
  const known: Readonly<Record<string, [string, string]>> = {
    TAB_AS_INDENT: ["a tab is used to indent", "indent by spaces"],
    MULTIPLE_DOCS: ["there is a second document in the file", "remove the line ---"],
    BAD_ALIAS: ["* begins an alias, and this is none", 'quote it, for example "*"'],
    TAG_RESOLVE_FAILED: ["YAML tags such as !word have no meaning here", "remove the tag, or quote the text"],
    MISSING_CHAR: [message, "add it"],
    BAD_DQ_ESCAPE: [message, "use single quotes, or double the \\"],
  };
  if (/call stack|RangeError/.test(message)) return ["something is nested too deeply", "indent less"];
  if (text[offset] === "\t") return known.TAB_AS_INDENT as [string, string];
  if (/^[@`%]/.test(text.slice(offset, offset + 1))) return [message, "quote the text"];
  return (
    known[code] ?? [
      message.split("\n")[0] ?? message,
      "check the indentation and the quotes of this line and the one before",
    ]
  );
}

/** Aliases are followed, at most `mostAliases` times in all; a value that contains itself is refused. */
function toData(document: Document.Parsed, file: string): unknown {
  const data = resolved(document);
  // What is written was found shallow enough in structure.ts: only aliases can still be deep.
  if (data !== undefined && levels(data, 0) <= deepest) return data;
  throw tooManyAliases(file);
}

function resolved(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: mostAliases });
  } catch {
    return undefined;
  }
}

function levels(value: unknown, above: number): number {
  if (above > deepest || value === null || typeof value !== "object") return above;
  return Object.values(value).reduce<number>(
    (most, inner) => (most > deepest ? most : Math.max(most, levels(inner, above + 1))),
    above + 1,
  );
}

type Placed = (offset: number, path: string, what: string, fix: string) => Fault;

function placesOf(document: Document.Parsed, placed: Placed): Omit<ParsedFile, "data"> {
  return {
    locate: ({ path, at, what, fix }) => placed(offsetOf(document, path, at), pathText(path), what, fix),
    sourceText: (path) => {
      const node = walk(document, path).value;
      return isScalar(node) ? node.source : undefined;
    },
    has: (path) => walk(document, path).found,
  };
}

interface Spot {
  readonly found: boolean;
  readonly key: Node | null;
  readonly value: Node | null;
}

/** The nearest thing to the path that is written: the thing itself, or what it is missing from. */
function walk(document: Document.Parsed, path: Path): Spot {
  let spot: Spot = { found: true, key: null, value: document.contents as Node | null };
  for (const part of path) {
    const inner = childOf(document, spot.value, part);
    if (inner === undefined) return { ...spot, found: false };
    spot = inner;
  }
  return spot;
}

/** By key, built once for each mapping: thousands of faults may lie in one. */
const pairsByKey = new WeakMap<YAMLMap, ReadonlyMap<string, Pair>>();

function pairsOf(map: YAMLMap): ReadonlyMap<string, Pair> {
  const known = pairsByKey.get(map);
  if (known) return known;
  const pairs = new Map(map.items.map((pair) => [isScalar(pair.key) ? String(pair.key.value) : "", pair]));
  pairsByKey.set(map, pairs);
  return pairs;
}

function childOf(document: Document.Parsed, node: Node | null, part: string | number): Spot | undefined {
  const target = isAlias(node) ? (node.resolve(document) ?? null) : node;
  if (isSeq(target)) {
    const value = typeof part === "number" ? (target.items[part] as Node | undefined) : undefined;
    return value === undefined ? undefined : { found: true, key: value, value };
  }
  if (!isMap(target)) return undefined;
  const pair = pairsOf(target).get(String(part));
  return pair && { found: true, key: pair.key as Node, value: pair.value as Node | null };
}

function offsetOf(document: Document.Parsed, path: Path, at: Finding["at"]): number {
  const { found, key, value } = walk(document, path);
  // What is missing is told at the key it is missing from; an empty value has no place but its key.
  const node = at === "key" || !found || value?.range == null ? (key ?? value) : value;
  return node?.range?.[0] ?? 0;
}
