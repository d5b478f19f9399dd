/** The part of the database contract about the data lock: one at a time, the next when it ends, named while it lasts. */
import { expect } from "vitest";
import type { Database } from "../ports/database.ts";
import { realClock } from "./real-clock.ts";

type InWorld = (title: string, body: (world: { readonly database: Database }) => Promise<void>) => void;

const untilTheEnd = (): AbortSignal => new AbortController().signal;

const claim = (holder: string, waitMs: number, told: string[] = []) => ({
  holder,
  waitMs,
  clock: realClock(),
  onWait: async (other: string) => void told.push(other),
});

export function dataLockContract(inWorld: InWorld): void {
  inWorld(
    "B6 what excludes each other happens one after the other, and whoever waits is told for whom",
    async (world) => {
      const { database } = world;
      const story: string[] = [];
      const told: string[] = [];
      const release = Promise.withResolvers<void>();
      const begun = Promise.withResolvers<void>();

      const first = database.exclusively(claim("backup, one", 0), untilTheEnd(), async () => {
        story.push("one begins");
        begun.resolve();
        await release.promise;
        story.push("one ends");
      });
      await begun.promise;
      const second = database.exclusively(
        {
          ...claim("migration, two", 10_000),
          onWait: async (other) => {
            told.push(other);
            release.resolve();
          },
        },
        untilTheEnd(),
        async () => story.push("two begins"),
      );
      await Promise.all([first, second]);

      expect(story).toEqual(["one begins", "one ends", "two begins"]);
      expect(told).toHaveLength(1);
      expect(told[0]).toMatch(/backup, one|^process \d+( of the database server)?$/);
    },
  );

  inWorld("B6 whoever has waited long enough is told who has it, and touches nothing", async ({ database }) => {
    const late = await database.exclusively(claim("backup, one", 0), untilTheEnd(), () =>
      database
        .exclusively(claim("drill, two", 300), untilTheEnd(), async () => "done")
        .catch((error: unknown) => error),
    );

    expect(late).toMatchObject({ failure: { code: "DATABASE_BUSY" } });
    expect((late as Error).message).toMatch(/backup, one|process \d+/);
  });

  inWorld("B6 what fails under the lock frees it, and what is cancelled waits no longer", async ({ database }) => {
    const broken = database.exclusively(claim("backup, one", 0), untilTheEnd(), () =>
      Promise.reject(new Error("broken")),
    );
    await expect(broken).rejects.toThrow("broken");
    const cancel = new AbortController();
    const reason = new Error("a person cancelled");

    const waiting = await database.exclusively(claim("backup, two", 0), untilTheEnd(), () => {
      const other = { ...claim("backup, three", 10_000), onWait: async () => cancel.abort(reason) };
      return database.exclusively(other, cancel.signal, async () => "done").catch((error: unknown) => error);
    });

    expect(waiting).toBe(reason);
    expect(await database.exclusively(claim("backup, four", 0), untilTheEnd(), async () => "free")).toBe("free");
  });
}
