/** What the sequential test saw and knows, in SQL. */
import type { MetricBucket } from "../../domain/canary/bucket.ts";
import type { EvidenceRow, Ledger } from "../../ports/ledger.ts";
import type { LedgerDatabase, Queries } from "./database.ts";
import { takeCharge } from "./postgres-deployments.ts";
import { jsonText } from "./storable.ts";

type EvidencePart = Pick<Ledger, "evidence" | "beginEvidence" | "applyBuckets" | "evidenceBuckets">;

export function postgresEvidence(db: LedgerDatabase): EvidencePart {
  return {
    evidence: (id) => evidenceOf(db, id),
    beginEvidence: (id, row, attempt) =>
      db.transaction(async (tx) => {
        await takeCharge(tx, id, attempt);
        await tx.rows(
          `insert into $schema.evidence (deployment_id, plan, state, next_index) values ($1, $2, $3, $4)
           on conflict do nothing`,
          [id, jsonText(row.plan), jsonText(row.state), row.nextIndex],
        );
        return (await evidenceOf(tx, id)) as EvidenceRow;
      }),
    applyBuckets: (id, fromIndex, buckets, after, attempt) =>
      db.transaction(async (tx) => {
        await takeCharge(tx, id, attempt);
        const updated = await tx.rows(
          `update $schema.evidence set state = $3, next_index = $4 where deployment_id = $1 and next_index = $2
           returning deployment_id`,
          [id, fromIndex, jsonText(after.state), after.nextIndex],
        );
        if (updated.length > 0) {
          await tx.rows(
            `insert into $schema.buckets (deployment_id, metric, index, bucket)
             select $1, given->>'metric', (given->>'index')::bigint, given from jsonb_array_elements($2) as given`,
            [id, jsonText(buckets)],
          );
        }
        return (await evidenceOf(tx, id)) as EvidenceRow;
      }),
    evidenceBuckets: async (id, fromIndex) =>
      (
        await db.rows<{ readonly bucket: MetricBucket }>(
          `select bucket from $schema.buckets where deployment_id = $1 and index >= $2 order by index, metric collate "C"`,
          [id, fromIndex ?? 0],
        )
      ).map(({ bucket }) => bucket),
  };
}

const evidenceOf = async (queries: Queries, id: string): Promise<EvidenceRow | undefined> =>
  (
    await queries.rows<EvidenceRow>(
      `select plan, state, next_index as "nextIndex" from $schema.evidence where deployment_id = $1`,
      [id],
    )
  )[0];
