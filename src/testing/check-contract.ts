/** What every check promises, whatever it looks at. An adapter's tests call this with a world that is well and one that is not. */
import { describe, expect, test } from "vitest";
import type { Check } from "../ports/check.ts";

export interface CheckWorlds {
  /** A check of something that is as it should be. */
  readonly passing: () => Promise<Check> | Check;
  /** The same kind of check of something that is not. */
  readonly failing: () => Promise<Check> | Check;
  /** A check whose probe lasts until it is aborted. Absent where nothing can last (a check in memory). */
  readonly endless?: () => Promise<Check> | Check;
  /** Texts that no result may show. */
  readonly neverShown?: readonly string[];
}

export function checkContract(name: string, worlds: CheckWorlds): void {
  const probe = async (world: () => Promise<Check> | Check) => {
    const check = await world();
    return { check, result: await check.probe(new AbortController().signal) };
  };

  describe(`${name} keeps the contract of a check`, () => {
    test("H7 a pass names itself, its time and what was seen, in one line", async () => {
      const { check, result } = await probe(worlds.passing);

      expect(result.verdict).toEqual({ kind: "pass" });
      expect(result.name).toBe(check.name);
      expect(Number.isFinite(result.tookMs) && result.tookMs >= 0).toBe(true);
      expect(result.detail).toMatch(/^[^\p{Cc}]+$/u);
    });

    test("H7 what is not well is a verdict with a reason, in one line, and never an exception", async () => {
      const { check, result } = await probe(worlds.failing);

      expect(result.verdict.kind).not.toBe("pass");
      expect(result.verdict.kind === "pass" ? "" : result.verdict.reason).toMatch(/^[^\p{Cc}]+$/u);
      expect(result.name).toBe(check.name);
      expect(result.detail).toMatch(/^[^\p{Cc}]+$/u);
      for (const text of worlds.neverShown ?? []) expect(JSON.stringify(result)).not.toContain(text);
    });

    test("a check can be asked again and answers the same", async () => {
      const check = await worlds.passing();
      const signal = new AbortController().signal;

      const kinds = [await check.probe(signal), await check.probe(signal)].map(({ verdict }) => verdict.kind);

      expect(kinds).toEqual(["pass", "pass"]);
    });

    test("an aborted signal rejects with its reason", async () => {
      const check = await worlds.passing();
      const reason = new Error("the deployment was cancelled");

      await expect(check.probe(AbortSignal.abort(reason))).rejects.toBe(reason);
    });

    const { endless } = worlds;
    if (endless === undefined) return;
    test("a signal that is aborted during the probe rejects at once", async () => {
      const check = await endless();
      const abort = new AbortController();
      const reason = new Error("the deployment was cancelled");

      const probing = check.probe(abort.signal);
      queueMicrotask(() => abort.abort(reason));

      await expect(probing).rejects.toBe(reason);
    });
  });
}
