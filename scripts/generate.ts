/**
 * `npm run generate`: writes the files that are made from code. With `--check` it only compares, and ends with 1 when one
 * differs. src/config/generated.test.ts, test/migrations/corpus.test.ts and test/notifications/page.test.ts compare them too.
 */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { generatedFiles } from "../src/config/generated.ts";
import { migrationsPage } from "../test/migrations/page.ts";
import { notificationsPage } from "../test/notifications/page.ts";
import { notificationPictures } from "../test/notifications/pictures.ts";

const root = dirname(import.meta.dirname);
const onlyCompare = process.argv.includes("--check");

const files = [
  ...generatedFiles(),
  { path: "docs/migrations.md", text: migrationsPage() },
  { path: "docs/notifications.md", text: await notificationsPage() },
  ...(await notificationPictures()),
];
const differing = files.filter(({ path, text }) => {
  try {
    return readFileSync(join(root, path), "utf8") !== text;
  } catch {
    return true;
  }
});

for (const { path, text } of differing) {
  if (!onlyCompare) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  console.log(`${onlyCompare ? "differs" : "written"}: ${path}`);
}
if (differing.length === 0) console.log("All generated files are up to date.");
if (onlyCompare && differing.length > 0) {
  console.log("Run: npm run generate");
  process.exitCode = 1;
}
