-- name: closures
-- Days closed at short notice, entered by hand.
SELECT day, reason FROM tickstock.closures ORDER BY day

-- name: add_closure
-- Close a day that the calendar took for a session.
INSERT INTO tickstock.closures (day, reason) VALUES (%(day)s, %(reason)s)
ON CONFLICT (day) DO UPDATE SET reason = EXCLUDED.reason

-- name: remove_closure
-- Take a closure by hand back.
DELETE FROM tickstock.closures WHERE day = %(day)s

-- name: count
-- Whether the sessions table is the calendar's.
SELECT count(*), min(day), max(day), sum(extract(epoch FROM closes))::bigint FROM tickstock.sessions

-- name: clear
-- Sessions are rewritten whole when the calendar changes.
DELETE FROM tickstock.sessions

-- name: fill
-- The calendar as a table, for those who ask by SQL.
INSERT INTO tickstock.sessions (day, opens, closes)
SELECT DATE '1970-01-01' + day::int, to_timestamp(opens), to_timestamp(closes)
FROM unnest(%(days)s::bigint[], %(opens)s::bigint[], %(closes)s::bigint[]) AS s(day, opens, closes)
