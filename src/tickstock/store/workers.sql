-- name: beat
-- A worker process is there.
INSERT INTO tickstock.workers (name, host, pid, vendor, version)
VALUES (%(name)s, %(host)s, %(pid)s, %(vendor)s, %(version)s)
ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp()

-- name: forget
-- Processes that did not take leave and were not heard of for long.
DELETE FROM tickstock.workers WHERE seen_at < clock_timestamp() - %(silence)s

-- name: leave
-- A worker process ends.
DELETE FROM tickstock.workers WHERE name = %(name)s

-- name: known
-- Worker processes and how long ago each was heard of, the latest first.
SELECT name, host, pid, vendor, version, started_at,
       extract(epoch FROM clock_timestamp() - seen_at)::float8
FROM tickstock.workers ORDER BY seen_at DESC

-- name: add_counts
-- Add to the sums.
INSERT INTO tickstock.counters AS c (name, label, total)
SELECT * FROM unnest(%(names)s::text[], %(labels)s::text[], %(sums)s::bigint[])
ON CONFLICT (name, label) DO UPDATE SET total = c.total + EXCLUDED.total

-- name: counts
-- All sums.
SELECT name, label, total FROM tickstock.counters ORDER BY name, label
