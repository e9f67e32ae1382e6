-- name: introduce
-- Which of the job engine's workers a process is. It has another number each time that it had to
-- connect anew.
INSERT INTO tickstock.workers (name, host, pid, vendor, version, engine_id)
VALUES (%(name)s, %(host)s, %(pid)s, %(vendor)s, %(version)s, %(engine_id)s)
ON CONFLICT (name) DO UPDATE SET seen_at = clock_timestamp(), engine_id = EXCLUDED.engine_id

-- name: forget
-- Processes that did not take leave and that the engine has forgotten.
DELETE FROM tickstock.workers AS w
WHERE w.seen_at < clock_timestamp() - %(silence)s
  AND NOT EXISTS (SELECT FROM procrastinate_workers AS e WHERE e.id = w.engine_id)

-- name: leave
-- A worker process ends.
DELETE FROM tickstock.workers WHERE name = %(name)s

-- name: known
-- Worker processes and how long ago the engine heard of each, the latest first. Workers of an earlier
-- release say themselves that they are there.
SELECT w.name, w.host, w.pid, w.vendor, w.version, w.started_at,
       extract(epoch FROM clock_timestamp() - coalesce(e.last_heartbeat, w.seen_at))::float8 AS seconds
FROM tickstock.workers AS w LEFT JOIN procrastinate_workers AS e ON e.id = w.engine_id
ORDER BY seconds

-- name: attendance
-- By vendor: workers that are alive, when the last was heard of, seconds until the next call is due.
SELECT vendor, coalesce(h.alive, 0) AS alive, h.heard_at,
       greatest(0, extract(epoch FROM b.next_at - clock_timestamp()))::float8 AS held_off
FROM (SELECT w.vendor, max(coalesce(e.last_heartbeat, w.seen_at)) AS heard_at,
             count(*) FILTER (WHERE coalesce(e.last_heartbeat, w.seen_at)
                                    > clock_timestamp() - %(alive)s) AS alive
      FROM tickstock.workers AS w LEFT JOIN procrastinate_workers AS e ON e.id = w.engine_id
      GROUP BY w.vendor) AS h
FULL JOIN tickstock.budgets AS b USING (vendor)

-- name: add_counts
-- Add to the sums.
INSERT INTO tickstock.counters AS c (name, label, total)
SELECT * FROM unnest(%(names)s::text[], %(labels)s::text[], %(sums)s::bigint[])
ON CONFLICT (name, label) DO UPDATE SET total = c.total + EXCLUDED.total

-- name: counts
-- All sums.
SELECT name, label, total FROM tickstock.counters ORDER BY name, label
