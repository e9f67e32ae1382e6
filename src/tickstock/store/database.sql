-- name: limit_silence
-- End this transaction when its client says nothing for so long.
SELECT set_config('idle_in_transaction_session_timeout', %(milliseconds)s::text, true)

-- name: one_moment
-- Every query of this transaction sees what was there at the first one, and none writes.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY

-- name: use_utc
-- Times are shown, and days cut, in UTC.
SET TIME ZONE 'UTC'

-- name: has_database
-- Whether the embedded server has the database.
SELECT 1 FROM pg_catalog.pg_database WHERE datname = %(name)s

-- name: create_database
-- The database of a new embedded server.
CREATE DATABASE {name}
