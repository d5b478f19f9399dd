import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { notificationsPage } from "./page.ts";

test("N1 N2 docs/notifications.md shows what the channels get (else: npm run generate)", async () => {
  const page = readFileSync(join(import.meta.dirname, "../../docs/notifications.md"), "utf8");

  expect(page).toBe(await notificationsPage());
});
