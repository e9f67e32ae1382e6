-- name: begin_turn
-- Begins the transaction of a step. Nothing may cut the wait that follows short, and what was
-- committed while we waited must be seen.
SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
SET LOCAL lock_timeout = 0;
SET LOCAL statement_timeout = 0;
SET LOCAL idle_in_transaction_session_timeout = 0;
SET LOCAL search_path = public;

-- name: wait_for_turn
-- Until nobody else is at it.
SELECT pg_advisory_xact_lock(%(key)s)

-- name: act_as_owner
-- Until the end of the transaction, who has the owner's role acts as the owner: what a step makes
-- belongs to the role that owns all the rest, and not to the person who was in charge that day.
SELECT set_config('role', r.rolname, true)
FROM pg_catalog.pg_namespace AS n JOIN pg_catalog.pg_roles AS r ON r.oid = n.nspowner
WHERE n.nspname = 'tickstock' AND r.rolname <> current_user
  AND pg_has_role(current_user, r.oid, 'MEMBER')
  AND NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user)

-- name: create_record
-- The record of steps: ours, and those of the job engine procrastinate.
CREATE SCHEMA IF NOT EXISTS tickstock;
CREATE TABLE IF NOT EXISTS tickstock.migrations (
    part       text NOT NULL,
    version    text NOT NULL,
    name       text NOT NULL,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (part, version)
);

-- name: has_record
-- Whether any step was ever applied here.
SELECT to_regclass('tickstock.migrations') IS NOT NULL

-- name: is_in_use
-- Whether the database holds anything of ours, or a table of the published name.
SELECT to_regclass('tickstock.migrations') IS NOT NULL OR to_regclass('public.cache_entries') IS NOT NULL

-- name: applied
-- Every step applied, oldest first.
SELECT part, version, name, checksum, applied_at AS at FROM tickstock.migrations
ORDER BY applied_at, part DESC, version

-- name: record
-- One step was applied in this transaction.
INSERT INTO tickstock.migrations (part, version, name, checksum)
VALUES (%(part)s, %(version)s, %(name)s, %(checksum)s)

-- name: reform
-- A step that was applied in an earlier form now has today's.
UPDATE tickstock.migrations SET checksum = %(checksum)s
WHERE part = 'tickstock' AND version = %(version)s

-- name: has_engine
-- Whether a procrastinate schema is there, by whomever.
SELECT to_regclass('public.procrastinate_jobs') IS NOT NULL

-- name: engine_lacks
-- Functions that our release of procrastinate calls and this database does not have.
SELECT needed FROM unnest(%(functions)s::text[]) AS needed
WHERE NOT EXISTS (
    SELECT FROM pg_catalog.pg_proc
    WHERE proname = needed AND pronamespace = 'public'::regnamespace
)
ORDER BY needed
