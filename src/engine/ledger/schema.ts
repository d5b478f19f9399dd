/**
 * The ledger's tables. Append a migration, never change one. What is appended leaves an earlier Sluice's queries working, so
 * that after an upgrade the earlier one can still finish what it began; where that cannot be, `ledgerRequires` rises, and the
 * earlier one is refused with LEDGER_NEWER.
 * Times are milliseconds since the epoch, from `now_ms()`, one clock for all machines.
 */

/** The number of migrations; recorded in `meta`. */
export const ledgerVersion = 7;

/** The lowest number that a Sluice must know to work on these tables; recorded in `meta` as well. */
export const ledgerRequires = 3;

/** `$schema` stands for the quoted schema. */
export const migrations: readonly string[] = [
  `
create function $schema.now_ms() returns bigint language sql volatile
  as $$ select floor(extract(epoch from clock_timestamp()) * 1000)::bigint $$;

create table $schema.environments (
  name text primary key,
  last_attempt integer not null default 0,
  event_seq integer not null default 0,
  event_hash text not null default '',
  serving_id bigint
);

create table $schema.deployments (
  id text primary key,
  project text not null,
  environment text not null references $schema.environments,
  kind text not null,
  version text not null,
  commit text not null,
  started_by text not null,
  created_at_ms bigint not null default $schema.now_ms(),
  ordinal bigint generated always as identity,
  state text not null default 'running',
  outcome text,
  ended_at_ms bigint,
  attempt integer not null default 0,
  executor jsonb,
  heartbeat_at_ms bigint,
  lease_ms integer,
  input jsonb not null,
  application_version text not null,
  cancel jsonb,
  event_seq integer not null default 0,
  event_hash text not null default ''
);
create index on $schema.deployments (environment, ordinal);
create index on $schema.deployments (ordinal) where outcome is null;

create table $schema.locks (
  environment text primary key references $schema.environments,
  deployment_id text not null,
  attempt integer not null,
  held_by text not null,
  since_ms bigint not null default $schema.now_ms(),
  kind text not null,
  reason text not null
);

create table $schema.approvals (
  deployment_id text not null references $schema.deployments,
  key text not null,
  ordinal bigint generated always as identity,
  vote jsonb not null,
  at_ms bigint not null default $schema.now_ms(),
  primary key (deployment_id, key)
);

create table $schema.messages (
  key text primary key,
  ordinal bigint generated always as identity,
  deployment_id text not null references $schema.deployments,
  topic text not null,
  message jsonb not null,
  posted_at_ms bigint not null default $schema.now_ms(),
  delivered_at_ms bigint
);
create index on $schema.messages (deployment_id, ordinal) where delivered_at_ms is null;

create table $schema.events (
  deployment_id text references $schema.deployments,
  environment text not null references $schema.environments,
  seq integer not null,
  attempt integer not null,
  at_ms bigint not null,
  step text not null,
  phase text not null,
  key text not null,
  title text not null,
  tone text not null,
  actor text,
  detail jsonb not null,
  hash text not null,
  unique nulls not distinct (deployment_id, step, attempt, phase, key, environment)
);
create unique index on $schema.events (deployment_id, seq) where deployment_id is not null;
create unique index on $schema.events (environment, seq) where deployment_id is null;

create table $schema.serving (
  id bigint generated always as identity primary key,
  environment text not null references $schema.environments,
  deployment_id text not null references $schema.deployments,
  version text not null,
  commit text not null,
  since_ms bigint not null,
  detail jsonb not null,
  removed boolean not null default false
);
create index on $schema.serving (environment, id);

create table $schema.outbox (
  key text primary key,
  ordinal bigint generated always as identity,
  deployment_id text not null,
  channel text not null,
  notification jsonb not null,
  attempts integer not null default 0,
  last_error text,
  delivered_at_ms bigint,
  next_attempt_at_ms bigint not null default 0
);
create index on $schema.outbox (ordinal) where delivered_at_ms is null;

create table $schema.records (
  deployment_id text primary key references $schema.deployments,
  record jsonb not null,
  saved_at_ms bigint not null default $schema.now_ms()
);
`,
  // Z4: what was told stays told. Whoever owns the tables can drop the triggers; what they do then is found by the hashes and by
  // checkpoints (docs/audit.md). `always`: also where a session says it only replicates.
  `
create function $schema.refuse_rewriting() returns trigger language plpgsql as $body$
begin
  raise exception 'the table % is append-only: % is refused', tg_table_name, lower(tg_op)
    using errcode = 'integrity_constraint_violation',
      hint = 'Events and votes are the audit trail. To see whether it is intact: sluice audit verify';
end
$body$;
create trigger append_only before update or delete or truncate on $schema.events
  for each statement execute function $schema.refuse_rewriting();
create trigger append_only before update or delete or truncate on $schema.approvals
  for each statement execute function $schema.refuse_rewriting();
alter table $schema.events enable always trigger append_only;
alter table $schema.approvals enable always trigger append_only;
create index on $schema.events (at_ms) where actor is not null;
`,
  // L1: who waits for the lock since when, and whose place a newer release took. And who may work on these tables.
  `
alter table $schema.meta add column if not exists requires integer not null default 0;
alter table $schema.deployments add column if not exists queued_at_ms bigint, add column if not exists superseded jsonb;
`,
  // R1 Z2: what people ordered for a rollout, and what the sequential test saw: each bucket of each metric once.
  `
alter table $schema.deployments add column if not exists steering jsonb;
create table if not exists $schema.evidence (
  deployment_id text primary key references $schema.deployments,
  plan jsonb not null,
  state jsonb not null,
  next_index bigint not null
);
create table if not exists $schema.buckets (
  deployment_id text not null references $schema.deployments,
  metric text not null,
  index bigint not null,
  bucket jsonb not null,
  primary key (deployment_id, metric, index)
);
`,
  // B6: each due time of each schedule, claimed by one.
  `
create table if not exists $schema.scheduled (
  environment text not null,
  name text not null,
  due_at_ms bigint not null,
  executor jsonb not null,
  claims integer not null default 1,
  claimed_at_ms bigint not null default $schema.now_ms(),
  ended_at_ms bigint,
  outcome text,
  detail jsonb not null default 'null',
  primary key (environment, name, due_at_ms)
);
`,
  // B5: backups that somebody wants kept.
  `
create table if not exists $schema.pins (
  environment text not null,
  backup_id text not null,
  pinned_by text not null,
  reason text not null,
  at_ms bigint not null default $schema.now_ms(),
  primary key (environment, backup_id)
);
`,
  // N3: what a channel gave back, and what was given up.
  `
alter table $schema.outbox add column if not exists thread jsonb, add column if not exists gave_up_at_ms bigint;
create index if not exists outbox_lines on $schema.outbox (deployment_id, channel, ordinal);
`,
];
