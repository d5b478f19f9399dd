/**
 * One process per test file (forks, isolated): the durable engine is a singleton of its process. Two at a time, since every suite
 * starts real servers and real databases.
 */
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    environment: "node",
    include: [
      "src/**/*.test.ts",
      "test/**/*.test.ts",
      "bench/**/*.test.ts",
      "examples/**/*.test.ts",
      "action/**/*.test.ts",
    ],
    exclude: ["**/node_modules/**", "**/dist/**", "**/.cache/**", "**/.sluice/**", "**/fixtures/**"],
    pool: "forks",
    isolate: true,
    maxWorkers: 2,
    globals: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 10_000,
    passWithNoTests: true,
  },
});
