/**
 * For those who write adapters: what every adapter of a port promises, as suites to run on yours (they need Vitest), and parts
 * in memory to run whole deployments on.
 */
export { backupStoreContract } from "./backup-store-contract.ts";
export { checkContract } from "./check-contract.ts";
export { databaseContract } from "./database-contract.ts";
export { flowContract } from "./flow-contract.ts";
export { ledgerContract } from "./ledger-contract.ts";
export { memoryBackupStore } from "./memory-backup-store.ts";
export { memoryCheck } from "./memory-check.ts";
export { memoryDatabase } from "./memory-database.ts";
export { memoryMigrator } from "./memory-migrator.ts";
export { memoryNotifier } from "./memory-notifier.ts";
export { memoryRouter } from "./memory-router.ts";
export { memoryTarget } from "./memory-target.ts";
export { metricSourceContract } from "./metric-source-contract.ts";
export { realClock } from "./real-clock.ts";
export { routerContract } from "./router-contract.ts";
export { routerWorld } from "./router-world.ts";
export { targetContract } from "./target-contract.ts";
