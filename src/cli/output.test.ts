import { expect, test } from "vitest";
import { SluiceError } from "../domain/errors.ts";
import { redactor } from "../domain/redactor.ts";
import { Secret } from "../domain/secret.ts";
import { failWith, openOutput, paint, type Stream } from "./output.ts";

interface Sink extends Stream {
  text: string;
  listener?: (error: NodeJS.ErrnoException) => void;
}

const sink = (isTTY = false): Sink => ({
  text: "",
  isTTY,
  columns: 40,
  write(text) {
    this.text += text;
  },
  on(_event, listener) {
    this.listener = listener;
  },
});

const opened = (json: boolean, terminal = false) => {
  const [stdout, stderr] = [sink(terminal), sink(terminal)];
  return { stdout, stderr, output: openOutput({ json }, { stdout, stderr }) };
};

test("results go to stdout, progress and the next command to stderr", () => {
  const { output, stdout, stderr } = opened(false);

  output.progress("working");
  output.result({ n: 1 }, "one");
  output.next("sluice status");

  expect(stdout.text).toBe("one\n");
  expect(stderr.text).toBe("working\nnext: sluice status\n");
});

test("with --json stdout holds one object per line, failures too, and stderr nothing", () => {
  const { output, stdout, stderr } = opened(true);

  output.progress("working");
  output.result({ n: 1 }, "one");
  output.next("sluice status");
  const exitCode = failWith(
    output,
    new SluiceError({ code: "LOCK_HELD", remedy: "operator", at: "x", message: "held", hint: "wait" }),
  );

  expect(
    stdout.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  ).toMatchObject([{ n: 1 }, { error: { code: "LOCK_HELD" } }]);
  expect(stderr.text).toBe("");
  expect(exitCode).toBe(7);
});

test("nothing that is no terminal gets a colour, and nothing is cut there", () => {
  const { output, stdout } = opened(false);

  output.result(null, paint.red("x".repeat(100)));

  expect(stdout.text).toBe(`${"x".repeat(100)}\n`);
  expect(output.live).toBe(false);
  expect(output.columns()).toBe(Number.POSITIVE_INFINITY);
});

test("a terminal is as wide as it says, and may be redrawn", () => {
  const { output } = opened(false, true);

  expect(output.columns()).toBe(40);
  expect(output.live).toBe(process.env["TERM"] !== "dumb");
});

test("K1 a secret leaves neither in text, nor in JSON, nor in the next command", () => {
  for (const json of [true, false]) {
    const { output, stdout, stderr } = opened(json);
    output.redactWith(redactor([new Secret("TOKEN", "hunter2hunter2")]));

    output.result({ token: "hunter2hunter2" }, "hunter2hunter2");
    output.progress("hunter2hunter2");
    output.next("curl hunter2hunter2");
    failWith(output, new Error("hunter2hunter2"));

    expect(stdout.text + stderr.text).not.toContain("hunter2");
    expect(stdout.text).toContain("[TOKEN]");
  }
});

test("a reader that has gone is no failure, and whoever streams learns of it", () => {
  const { output, stdout } = opened(false);

  stdout.listener?.(Object.assign(new Error("write EPIPE"), { code: "EPIPE" }));

  expect(output.readerGone.aborted).toBe(true);
});
