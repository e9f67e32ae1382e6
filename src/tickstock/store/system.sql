-- name: workers
-- Worker processes by the job engine's heartbeat: seconds since the last one, the last first.
SELECT id, extract(epoch FROM now() - last_heartbeat)::float8
FROM procrastinate_workers ORDER BY last_heartbeat DESC

-- name: leases
-- Who holds calls right now, how many, and how long the oldest lease is good for, in seconds.
SELECT worker, count(*), min(extract(epoch FROM lease_until - clock_timestamp()))::float8
FROM tickstock.calls WHERE state = 'leased' GROUP BY worker ORDER BY worker

-- name: budgets
-- The call budgets: grants so far, refusals so far, seconds until the next grant.
SELECT vendor, granted, throttled,
       greatest(0, extract(epoch FROM next_at - clock_timestamp()))::float8
FROM tickstock.budgets ORDER BY vendor

-- name: sizes
-- What is in the database, in figures. Bars are summed from coverage: nobody scans them.
SELECT pg_database_size(current_database()),
       (SELECT count(*) FROM tickstock.instruments),
       (SELECT coalesce(sum(bars), 0)::bigint FROM tickstock.coverage),
       (SELECT count(*) FROM tickstock.loads),
       (SELECT count(*) FROM tickstock.loads WHERE finished_at IS NULL)
