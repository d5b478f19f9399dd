import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { notificationsPage } from "./page.ts";
import { notificationPictures } from "./pictures.ts";

const root = join(import.meta.dirname, "../..");

test("N1 N2 docs/notifications.md shows what the channels get (else: npm run generate)", async () => {
  const page = readFileSync(join(root, "docs/notifications.md"), "utf8");

  expect(page).toBe(await notificationsPage());
});

test("N1 N2 docs/images/notifications holds each kind of the story as it is sent and drawn, and nothing else (else: npm run generate)", async () => {
  const files = await notificationPictures();
  const folder = "docs/images/notifications";

  expect(
    readdirSync(join(root, folder))
      .map((name) => `${folder}/${name}`)
      .sort(),
  ).toEqual(files.map(({ path }) => path).sort());
  for (const { path, text } of files) expect(readFileSync(join(root, path), "utf8"), path).toBe(text);
});
