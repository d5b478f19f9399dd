/** Where backups lie is said once, and whole. */
import type { Rule } from "./findings.ts";

const onePlace: Rule = ({ layers, fault }) => {
  for (const { path, written } of layers) {
    if (written.backup?.folder === undefined || written.backup.store === undefined) continue;
    fault([...path, "backup", "folder"], "folder and store both say where backups lie", "keep one of them");
  }
};

const keyAndSecretTogether: Rule = ({ layers, fault, warn }) => {
  for (const { path, written } of layers) {
    const store = written.backup?.store;
    if (store?.kind !== "s3") continue;
    const place = [...path, "backup", "store"];
    if ((store.accessKey === undefined) !== (store.secretKey === undefined)) {
      fault(place, "the access key and its secret belong together", "write accessKey and secretKey, or neither");
    }
    if (store.endpoint !== undefined && !isPrivate(store.endpoint)) {
      warn([...place, "endpoint"], "backups would travel unencrypted", "use an address with https");
    }
  }
};

/** Nobody but this machine sees what goes over its own loopback. */
const isPrivate = (endpoint: string): boolean =>
  endpoint.startsWith("https:") || /^http:\/\/(localhost|127\.|\[::1\])/.test(endpoint);

export const backupRules: readonly Rule[] = [onePlace, keyAndSecretTogether];
