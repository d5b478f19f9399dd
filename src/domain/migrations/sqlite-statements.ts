/**
 * SQLite's SQL cut into statements, each in a canonical form that rules can be matched against: one blank between tokens,
 * keywords and plain names in capitals, quoted names as `"name"`, every string as `''`, comments gone. It is a tokenizer, not
 * a grammar: what it cannot read to its end is a fault, never a guess.
 */
export interface SqliteStatement {
  /** As written, in one line, with its comments. */
  readonly text: string;
  /** What stands before it. */
  readonly comments: string;
  readonly canonical: string;
}

export type SqliteReading =
  | { readonly kind: "read"; readonly statements: readonly SqliteStatement[] }
  | { readonly kind: "fault"; readonly fault: string };

interface Token {
  /** Empty for what means nothing: blanks and comments. */
  readonly canonical: string;
  readonly end: number;
}

type Scanner = (sql: string, at: number) => Token | { readonly fault: string } | undefined;

/** In UTF-16 units, as of the other grammar (adapters/postgres-grammar/parse.ts). */
const longestText = 500_000;

export function readSqlite(sql: string): SqliteReading {
  if (sql.length > longestText) return { kind: "fault", fault: `it has ${sql.length} characters, too many to be read` };
  if (sql.includes("\0")) return { kind: "fault", fault: "a NUL character stands in it" };
  const splitter = newSplitter(sql);
  for (let at = 0; at < sql.length; ) {
    const token = firstToken(sql, at);
    if ("fault" in token) return { kind: "fault", fault: token.fault };
    if (token.canonical === "\\") return { kind: "fault", fault: "a backslash stands outside of any text" };
    splitter.take(token, at);
    at = token.end;
  }
  return splitter.end();
}

function firstToken(sql: string, at: number): Token | { readonly fault: string } {
  for (const scan of scanners) {
    const token = scan(sql, at);
    if (token !== undefined) return token;
  }
  return { canonical: "", end: at + 1 };
}

/** A semicolon ends a statement, unless it stands in parentheses or in the body of a trigger (BEGIN … END). */
function newSplitter(sql: string) {
  const statements: SqliteStatement[] = [];
  let words: string[] = [];
  let [endedAt, startsAt] = [0, 0];
  let parentheses = 0;
  let blocks = 0;
  const close = (endsAt: number) => {
    const text = sql.slice(startsAt, endsAt).replace(/\s+/g, " ").trim();
    const between = sql.slice(endedAt, startsAt);
    // What follows a statement on its own line belongs to that one.
    const comments = endedAt === 0 ? between : between.replace(/^[^\n]*\n?/, "");
    if (words.length > 0) statements.push({ text, comments, canonical: words.join(" ") });
    words = [];
    endedAt = endsAt + 1;
  };
  const add = (canonical: string, at: number) => {
    if (words.length === 0) startsAt = at;
    parentheses += parenthesisStep(canonical);
    blocks += blockStep(words, canonical, blocks);
    words.push(canonical);
  };
  return {
    take({ canonical }: Token, at: number) {
      if (canonical === ";" && parentheses === 0 && blocks === 0) close(at);
      else if (canonical !== "") add(canonical, at);
    },
    end(): SqliteReading {
      close(sql.length);
      if (parentheses !== 0) return { kind: "fault", fault: "its parentheses do not match" };
      return blocks === 0 ? { kind: "read", statements } : { kind: "fault", fault: "a BEGIN has no END" };
    },
  };
}

/** How a token changes the depth of parentheses. */
export function parenthesisStep(token: string): number {
  if (token === "(") return 1;
  return token === ")" ? -1 : 0;
}

/** Bodies are counted only where they can be: elsewhere BEGIN and END are statements of a transaction. */
function blockStep(words: readonly string[], next: string, open: number): number {
  if (next !== "BEGIN" && next !== "CASE" && next !== "END") return 0;
  if (words[0] !== "CREATE" || !words.slice(1, 3).includes("TRIGGER")) return 0;
  if (next === "BEGIN") return 1;
  if (open === 0) return 0;
  return next === "CASE" ? 1 : -1;
}

const blank: Scanner = (sql, at) => matching(/\s+/y, sql, at, () => "");

const lineComment: Scanner = (sql, at) => matching(/--[^\n]*/y, sql, at, () => "");

const blockComment: Scanner = (sql, at) => {
  if (!sql.startsWith("/*", at)) return undefined;
  const end = sql.indexOf("*/", at + 2);
  return end < 0 ? { fault: "a comment has no end" } : { canonical: "", end: end + 2 };
};

/** Text between two quotes. */
const quoted =
  (opening: RegExp, pieces: RegExp, quote: string): Scanner =>
  (sql, at) => {
    const begun = matching(opening, sql, at, (text) => text);
    if (begun === undefined) return undefined;
    const end = endOfQuoted(sql, begun.end, pieces, quote);
    if (quote === "'") return end < 0 ? { fault: "a string has no end" } : { canonical: "''", end };
    return end < 0 ? { fault: "a quoted name has no end" } : { canonical: nameOf(sql.slice(at, end)), end };
  };

/** What `pieces` finds other than the closing quote stands for itself: a doubled quote. */
function endOfQuoted(sql: string, from: number, pieces: RegExp, quote: string): number {
  pieces.lastIndex = from;
  let found = pieces.exec(sql);
  while (found !== null && found[0] !== quote) found = pieces.exec(sql);
  return found === null ? -1 : found.index + 1;
}

const string = quoted(/'/y, /''|'/g, "'");
const quotedName = quoted(/"/y, /""|"/g, '"');
const backtickedName = quoted(/`/y, /``|`/g, "`");
const bracketedName: Scanner = (sql, at) => matching(/\[[^\]]*\]/y, sql, at, nameOf);

/** Without blanks or marks in it, so that a rule can never take a part of a name for syntax. */
const nameOf = (text: string): string =>
  `"${text.slice(1, -1).replace(/[^\w]/gu, (character) => `%${character.codePointAt(0)?.toString(16)}`)}"`;

const word: Scanner = (sql, at) =>
  matching(/[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*/y, sql, at, (text) => text.toUpperCase());

const number: Scanner = (sql, at) => matching(/\d[\w.]*/y, sql, at, (text) => text);

const mark: Scanner = (sql, at) => ({ canonical: sql.charAt(at), end: at + 1 });

function matching(pattern: RegExp, sql: string, at: number, canonical: (text: string) => string): Token | undefined {
  pattern.lastIndex = at;
  const text = pattern.exec(sql)?.[0];
  return text === undefined ? undefined : { canonical: canonical(text), end: at + text.length };
}

const scanners: readonly Scanner[] = [
  blank,
  lineComment,
  blockComment,
  string,
  quotedName,
  backtickedName,
  bracketedName,
  word,
  number,
  mark,
];
