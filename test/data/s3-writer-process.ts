/** Stores a backup whose dump never ends, for a test that kills this process in the middle. Says "sent" when parts are with the store. */
import { s3BackupStore } from "../../src/adapters/s3/backup-store.ts";
import { Secret } from "../../src/domain/secret.ts";
import { realClock } from "../../src/testing/real-clock.ts";

const { STORE = "{}", SECRET_KEY = "" } = process.env;
const { accessKey, partBytes, ...place } = JSON.parse(STORE);
const store = s3BackupStore({
  ...place,
  partBytes,
  credentials: { accessKey, secretKey: new Secret("SECRET_KEY", SECRET_KEY) },
  objectLock: null,
  encryption: null,
  clock: realClock(),
});

async function* neverEnding(): AsyncGenerator<Uint8Array> {
  for (let part = 0; part < 4; part++) yield Buffer.alloc(partBytes, part);
  process.stdout.write("sent\n");
  await new Promise<never>(() => process.stdin.resume());
}

await store.put("a.dump", neverEnding(), new AbortController().signal);
