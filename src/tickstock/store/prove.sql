-- name: ended
-- How many jobs there are, how many have completed, and how many are open.
SELECT count(*)::int, (count(*) FILTER (WHERE state = 'completed'))::int,
    (count(*) FILTER (WHERE finished_at IS NULL))::int
FROM tickstock.loads

-- name: faults
-- What jobs say that ended otherwise.
SELECT state || ': ' || message FROM tickstock.loads
WHERE finished_at IS NOT NULL AND state <> 'completed' ORDER BY finished_at LIMIT %(most)s

-- name: cut
-- End every other session in this database, as a restart of the server does.
SELECT count(pg_terminate_backend(pid))::int FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND usename = current_user

-- name: bars
-- How many bars of hours there are, and what they say.
SELECT count(*)::int, coalesce(md5(string_agg(
    concat_ws(' ', symbol, extract(epoch FROM at), open, high, low, close, volume),
    ',' ORDER BY symbol, at)), '')
FROM tickstock.bars_hour JOIN tickstock.instruments ON id = instrument_id
