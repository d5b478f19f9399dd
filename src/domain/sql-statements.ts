/**
 * SQL cut into statements, each in a canonical form that rules can be matched against: one blank between tokens, keywords
 * and plain names in capitals, quoted names as `"name"`, every string as `''`, comments gone. It is a tokenizer, not a
 * grammar: what it cannot read to its end is a fault, never a guess.
 */
export type SqlDialect = "postgres" | "sqlite";

export interface SqlStatement {
  /** As written, in one line, with its comments. */
  readonly text: string;
  readonly canonical: string;
}

export type SqlReading =
  | { readonly kind: "read"; readonly statements: readonly SqlStatement[] }
  | { readonly kind: "fault"; readonly fault: string };

interface Token {
  /** Empty for what means nothing: blanks and comments. */
  readonly canonical: string;
  readonly end: number;
}

type Scanner = (sql: string, at: number) => Token | { readonly fault: string } | undefined;

export function readSql(sql: string, dialect: SqlDialect): SqlReading {
  const scanners = [...scannersOf[dialect], word, number, mark];
  const splitter = newSplitter(sql);
  for (let at = 0; at < sql.length; ) {
    const token = firstToken(scanners, sql, at);
    if ("fault" in token) return { kind: "fault", fault: token.fault };
    // psql's own commands (\connect, \i) lead to statements that are not here.
    if (token.canonical === "\\") return { kind: "fault", fault: "a psql command stands in it" };
    splitter.take(token, at);
    at = token.end;
  }
  return splitter.end();
}

function firstToken(scanners: readonly Scanner[], sql: string, at: number): Token | { readonly fault: string } {
  for (const scan of scanners) {
    const token = scan(sql, at);
    if (token !== undefined) return token;
  }
  return { canonical: "", end: at + 1 };
}

/** A semicolon ends a statement, unless it stands in parentheses (CREATE RULE) or in a body (BEGIN … END). */
function newSplitter(sql: string) {
  const statements: SqlStatement[] = [];
  let words: string[] = [];
  let startsAt = 0;
  let parentheses = 0;
  let blocks = 0;
  const close = (endsAt: number) => {
    const text = sql.slice(startsAt, endsAt).replace(/\s+/g, " ").trim();
    if (words.length > 0) statements.push({ text, canonical: words.join(" ") });
    words = [];
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
    end(): SqlReading {
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

const bodied = new Set(["TRIGGER", "FUNCTION", "PROCEDURE"]);

/** Bodies are counted only where they can be: elsewhere BEGIN and END are statements of a transaction. */
function blockStep(words: readonly string[], next: string, open: number): number {
  if (next !== "BEGIN" && next !== "CASE" && next !== "END") return 0;
  if (words[0] !== "CREATE" || !words.slice(1, 5).some((one) => bodied.has(one))) return 0;
  if (next === "BEGIN") return 1;
  if (open === 0) return 0;
  return next === "CASE" ? 1 : -1;
}

const blank: Scanner = (sql, at) => matching(/\s+/y, sql, at, () => "");

const lineComment: Scanner = (sql, at) => matching(/--[^\n]*/y, sql, at, () => "");

/** PostgreSQL nests comments, SQLite does not; read the other way, a statement could hide in one. */
const blockComment =
  (nested: boolean): Scanner =>
  (sql, at) => {
    if (!sql.startsWith("/*", at)) return undefined;
    const end = endOfComment(sql, at + 2, nested);
    return end < 0 ? { fault: "a comment has no end" } : { canonical: "", end };
  };

function endOfComment(sql: string, from: number, nested: boolean): number {
  const marks = /\/\*|\*\//g;
  marks.lastIndex = from;
  let depth = 1;
  for (let found = marks.exec(sql); found !== null; found = marks.exec(sql)) {
    depth += found[0] === "*/" ? -1 : Number(nested);
    if (depth === 0) return marks.lastIndex;
  }
  return -1;
}

const dollarQuote: Scanner = (sql, at) => {
  const opening = /\$(?:[A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/y;
  opening.lastIndex = at;
  const tag = opening.exec(sql)?.[0];
  if (tag === undefined) return undefined;
  const close = sql.indexOf(tag, at + tag.length);
  return close < 0 ? { fault: `a text quoted by ${tag} has no end` } : { canonical: "''", end: close + tag.length };
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

/** What `pieces` finds other than the closing quote stands for itself: a doubled quote, an escape. */
function endOfQuoted(sql: string, from: number, pieces: RegExp, quote: string): number {
  pieces.lastIndex = from;
  let found = pieces.exec(sql);
  while (found !== null && found[0] !== quote) found = pieces.exec(sql);
  return found === null ? -1 : found.index + 1;
}

const string = quoted(/'/y, /''|'/g, "'");
/** PostgreSQL's E'…', in which a backslash takes away the meaning of what follows. */
const escapeString = quoted(/[eE]'/y, /\\[\s\S]|''|'/g, "'");
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

const scannersOf: Readonly<Record<SqlDialect, readonly Scanner[]>> = {
  postgres: [blank, lineComment, blockComment(true), dollarQuote, escapeString, string, quotedName],
  sqlite: [blank, lineComment, blockComment(false), string, quotedName, backtickedName, bracketedName],
};
