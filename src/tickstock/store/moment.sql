-- name: now
-- One time for all rows of a write, and for a read that can be repeated later.
SELECT clock_timestamp()

-- name: universe_revision
-- The newest change of any universe of an environment.
SELECT max(id) FROM tickstock.universe_revisions WHERE environment = %(environment)s
