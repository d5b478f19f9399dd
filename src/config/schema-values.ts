/**
 * The small values that sluice.yaml is made of. Each says what is wrong in its own words: a message is `what`, a line
 * break, and `fix`; issues.ts takes it apart and adds the place.
 */
import { z } from "zod";
import { parseJsonPath } from "../domain/json-path.ts";
import { durationMs, durationPattern, nearestDuration, sizeBytes, sizePattern } from "./text-forms.ts";

interface Issue {
  readonly input?: unknown;
}

export const say = (what: string, fix: string): string => `${what}\n${fix}`;

/** A value as it is shown in a message: short, on one line. */
export function shown(value: unknown): string {
  const text = typeof value === "string" ? JSON.stringify(value) : String(value);
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

/** Described and with an example: both are in the reference page and in every editor that reads the JSON Schema. */
export function key<S extends z.ZodType>(schema: S, description: string, ...examples: readonly unknown[]): S {
  return schema.meta({ description, ...(examples.length > 0 && { examples: [...examples] }) });
}

const durationFault = ({ input }: Issue): string | undefined => {
  if (typeof input === "number") return say(`${input} has no unit`, `write ${input}s, not ${input}`);
  if (typeof input !== "string") return undefined;
  const near = nearestDuration(input);
  return say(`${shown(input)} is not a duration`, near ? `write ${near}` : "write for example 300ms, 30s, 5m or 1h30m");
};

/** Text such as `1h30m`, parsed to milliseconds. */
const durationWithin = (least: string, most: string) =>
  z
    .string({ error: durationFault })
    .regex(durationPattern, { error: durationFault })
    .transform(durationMs)
    .refine((ms) => ms >= durationMs(least), { error: say("that is too short", `write ${least} or more`) })
    .refine((ms) => ms <= durationMs(most), { error: say("that is too long", `write ${most} or less`) });

/** May be 0s: "not at all". */
export const duration = () => durationWithin("0s", "400d");
/** A period, or the patience of a request: never zero. */
export const period = () => durationWithin("10ms", "400d");

const sizeFault = ({ input }: Issue): string | undefined => {
  if (typeof input === "number") return say(`${input} has no unit`, `write for example ${input}MB or ${input}GiB`);
  return typeof input === "string" ? say(`${shown(input)} is not a size`, "write for example 64MB or 1GiB") : undefined;
};
/** 0: "never", or "nothing". */
export const sizeOrZero = () => z.union([z.literal(0), size()], { error: sizeFault });
export const size = () => z.string({ error: sizeFault }).regex(sizePattern, { error: sizeFault }).transform(sizeBytes);

const namePattern = /^[a-z][a-z0-9-]{0,62}$/;
export const name = (noun: string) =>
  z
    .string()
    .regex(namePattern, {
      error: ({ input }) =>
        say(
          `${shown(input)} cannot name ${noun}`,
          "use lower-case letters, digits and -, beginning with a letter, 63 at most",
        ),
    })
    // A key of every JavaScript object: a lookup of a component that is not there would find it.
    .refine((text) => text !== "constructor", { error: say(`"constructor" is reserved`, `name ${noun} otherwise`) });

export const secretName = () =>
  z.string().regex(/^[A-Z][A-Z0-9_]{0,99}$/, {
    error: ({ input }) =>
      say(
        `${shown(input)} cannot name a secret`,
        "use capitals, digits and _, beginning with a letter, as in DATABASE_URL",
      ),
  });

export const variableName = () =>
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,199}$/, {
    error: ({ input }) => say(`${shown(input)} cannot name an environment variable`, "use letters, digits and _"),
  });

/** One line of text, not empty. */
export const line = () =>
  z
    .string()
    .min(1, { error: say("the text is empty", "write something, or remove the key") })
    .refine((text) => !hasControl(text), {
      error: say("it holds a line break or control character", "write it on one line"),
    });

const hasControl = (text: string): boolean => [...text].some((character) => character < " " || character === "\u007f");

export const file = () => line().max(1024, { error: say("the path is too long", "use a shorter one") });

/** Inside the release: relative, and never out of it. */
export const innerFolder = () =>
  file().refine((path) => !path.startsWith("/") && !/^[A-Za-z]:|\\/.test(path) && !path.split("/").includes(".."), {
    error: ({ input }) =>
      say(`${shown(input)} leads out of the release`, "write a path relative to the project, without .."),
  });

const argvFault = ({ input }: Issue): string | undefined => {
  if (typeof input !== "string") return undefined;
  const words = input.trim().split(/\s+/);
  const list = `[${words.map((word) => JSON.stringify(word)).join(", ")}]`;
  const fix = /["'$|&;<>`]/.test(input) ? 'write a list such as ["sh", "-c", …]' : `write ${list}`;
  return say("a command is a list of words, it does not go through a shell", fix);
};
/** A command as a list of words; never a shell string. */
export const argv = () =>
  z
    .array(
      z
        .string()
        .min(1, { error: say("a word of the command is empty", "remove it") })
        .refine((word) => !word.includes("\0"), { error: say("it holds a NUL character", "remove it") }),
      { error: argvFault },
    )
    .min(1, { error: say("the command is empty", 'write for example ["node", "server.mjs"]') });

/** The name of a header or a cookie (RFC 9110, 5.6.2). */
export const headerToken = () =>
  z.string().regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,64}$/, {
    error: ({ input }) =>
      say(`${shown(input)} is not the name of a header or a cookie`, "use letters, digits and -, as in x-user-id"),
  });

/** In lower case. */
export const freeHeader = () =>
  headerToken()
    .toLowerCase()
    .refine((header) => !takenHeaders.has(header), {
      error: ({ input }) => say(`${shown(input)} has a meaning of its own`, "use a header that begins with x-"),
    });

const takenHeaders = new Set([
  ...["connection", "content-length", "content-type", "cookie", "expect", "host", "keep-alive", "te", "trailer"],
  ...["transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"],
]);

export const port = () => z.int().min(1).max(65_535);
export const count = (least: number, most: number) => z.int().min(least).max(most);
export const share = () => z.number().min(0).max(1);

/** A limit that can be switched off; null is "not judged". */
export const orOff = <S extends z.ZodType>(schema: S) =>
  z
    .union([schema, z.literal("off")])
    .transform((value) => (value === "off" ? null : value) as Exclude<z.output<S>, "off"> | null);

/** Text, or the name of a secret whose text is looked up only where it is used. */
export const valueOrSecret = () =>
  z.union(
    [
      z.string().refine((text) => !text.includes("\0"), { error: say("it holds a NUL character", "remove it") }),
      z.strictObject({ secret: key(secretName(), "Name of a secret declared under `secrets`.", "DATABASE_URL") }),
    ],
    {
      error: ({ input }) => {
        const quoted = typeof input === "number" || typeof input === "boolean";
        return quoted ? undefined : say("it is neither text nor a secret", "write text, or { secret: NAME }");
      },
    },
  );

/** http(s), and the placeholders `{url}` (the environment's url) and `{version}`. */
export const httpUrl = (placeholders: readonly string[] = []) =>
  line().superRefine((text, context) => {
    const problem = urlFault(text, placeholders);
    if (problem) context.addIssue({ code: "custom", message: problem, input: text });
  });

function urlFault(text: string, placeholders: readonly string[]): string | undefined {
  const unknown = [...text.matchAll(/\{([^{}]*)\}/g)].find(([, word = ""]) => !placeholders.includes(word));
  if (unknown) {
    const known = placeholders.map((word) => `{${word}}`).join(" and ");
    return say(
      `${unknown[0]} is not a placeholder here`,
      known === "" ? "write the address itself" : `there are ${known}`,
    );
  }
  const concrete = text.replace(/^\{url\}/, "http://localhost").replaceAll(/\{[a-z]+\}/g, "x");
  if (!/^https?:\/\//.test(concrete) || !URL.canParse(concrete)) {
    return say(
      `${shown(withoutPassword(text))} is not an http(s) address`,
      "write for example https://shop.example.com",
    );
  }
  const { username, password } = new URL(concrete);
  return username === "" && password === ""
    ? undefined
    : say("the address holds a name or password", "take them out; secrets are declared under `secrets`");
}

export const withoutPassword = (text: string): string => text.replace(/\/\/[^/@\s]*@/, "//***@");

/** Values at paths of a JSON body. */
export const expectedBody = () =>
  z.record(
    z.string().refine((path) => parseJsonPath(path) !== undefined, {
      error: ({ input }) =>
        say(`${shown(input)} is not a JSON path`, "write for example status, data.id or items[0].name"),
    }),
    z.union([z.string(), z.number(), z.boolean()]),
  );
