/**
 * Uploads that a killed process began: no list of objects shows them, and they are paid for until somebody withdraws them. Only
 * those directly below our prefix, under a key that a backup may have, and older than any upload that is still going on.
 */
import type { ListMultipartUploadsCommandInput, MultipartUpload } from "@aws-sdk/client-s3";
import type { LeftOver } from "../../ports/backup-store.ts";
import { canNameBackup } from "../backup-manifest.ts";
import { locationOf } from "./client.ts";
import type { Bucket } from "./requests.ts";
import { statusOf } from "./trouble.ts";

export async function leftOversIn(bucket: Bucket, beforeMs: number, signal: AbortSignal): Promise<readonly LeftOver[]> {
  const found: LeftOver[] = [];
  for await (const { Key = "", UploadId = "", Initiated } of uploadsIn(bucket, signal)) {
    const key = Key.slice(bucket.place.prefix.length);
    const sinceMs = Initiated?.getTime() ?? beforeMs;
    if (!canNameBackup(key) || sinceMs >= beforeMs) continue;
    const remove = (stop: AbortSignal) => withdraw(bucket, key, UploadId, stop);
    found.push({ location: locationOf(bucket.place, key), sinceMs, remove });
  }
  return found;
}

async function* uploadsIn({ place, ask }: Bucket, signal: AbortSignal): AsyncGenerator<MultipartUpload> {
  const common = { Bucket: place.bucket, Prefix: place.prefix };
  let markers: Pick<ListMultipartUploadsCommandInput, "KeyMarker" | "UploadIdMarker"> = {};
  for (;;) {
    const request = { ...common, ...markers };
    const page = await ask("list unfinished uploads", signal, ({ s3, client }, options) =>
      client.send(new s3.ListMultipartUploadsCommand(request), options),
    );
    yield* page.Uploads ?? [];
    if (!page.IsTruncated) return;
    markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
}

/** One that was finished or withdrawn meanwhile is no trouble. */
const withdraw = (bucket: Bucket, key: string, id: string, signal: AbortSignal): Promise<void> =>
  bucket.ask(`withdraw the upload of ${key}`, signal, async ({ s3, client }, options) => {
    const { bucket: name, prefix } = bucket.place;
    const request = new s3.AbortMultipartUploadCommand({ Bucket: name, Key: prefix + key, UploadId: id });
    await client.send(request, options).catch((thrown: unknown) => {
      if (statusOf(thrown) !== 404) throw thrown;
    });
  });
