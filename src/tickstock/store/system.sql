-- name: leases
-- Who holds calls right now, how many, and how long the oldest lease is good for, in seconds.
SELECT worker, count(*) AS calls,
       min(extract(epoch FROM lease_until - clock_timestamp()))::float8 AS seconds
FROM tickstock.calls WHERE state = 'leased' GROUP BY worker ORDER BY worker

-- name: budgets
-- The call budgets: grants so far, refusals so far, seconds until the next grant.
SELECT vendor, granted, throttled,
       greatest(0, extract(epoch FROM next_at - clock_timestamp()))::float8 AS seconds
FROM tickstock.budgets ORDER BY vendor

-- name: sizes
-- What is in the database, in figures. Bars are summed from coverage: nobody scans them.
SELECT pg_database_size(current_database()) AS bytes,
       (SELECT count(*) FROM tickstock.instruments) AS instruments,
       (SELECT coalesce(sum(bars), 0)::bigint FROM tickstock.coverage) AS bars,
       (SELECT count(*) FROM tickstock.loads) AS loads,
       (SELECT count(*) FROM tickstock.loads WHERE finished_at IS NULL) AS open_loads

-- name: signs
-- What tells whether the installation is well, in one look.
SELECT clock_timestamp() AS now,
       (SELECT max(day) FROM tickstock.sessions) AS sessions_through,
       (SELECT count(*) FROM tickstock.closures WHERE by_hand) AS closures,
       (SELECT count(*) FROM tickstock.calls
        WHERE state = 'leased' AND lease_until < clock_timestamp() - interval '15 seconds')
           AS stale_leases,
       (SELECT count(*) FROM tickstock.loads WHERE finished_at IS NULL AND paused_at IS NULL)
           AS open_loads,
       (SELECT count(*) FROM tickstock.loads AS l
        WHERE l.finished_at IS NULL AND l.paused_at IS NULL
          AND NOT EXISTS (SELECT FROM tickstock.calls AS c
                          WHERE c.load_id = l.id AND c.state = 'leased'
                            AND c.lease_until >= clock_timestamp()))
           AS unattended,
       (SELECT count(*) FROM tickstock.loads WHERE finished_at IS NULL AND paused_at IS NOT NULL)
           AS paused,
       (SELECT count(*) FROM public.cache_entries
        WHERE environment = %(environment)s
          AND type IN ('stock_universe', 'etf_universe', 'stock_etf_combo') AND key IS NOT NULL)
           AS universes,
       (SELECT max(updated_at) FROM public.cache_entries
        WHERE environment = %(environment)s
          AND type IN ('stock_universe', 'etf_universe', 'stock_etf_combo')
          AND updated_at BETWEEN '0002-01-01' AND '9998-12-31')
           AS universes_changed,
       (SELECT coalesce(array_agg(DISTINCT origin ORDER BY origin), '{}') FROM tickstock.coverage)
           AS origins,
       (SELECT count(*) FROM tickstock.schedules WHERE environment = %(environment)s) AS schedules

-- name: states
-- Jobs by state, and paused ones by themselves.
SELECT CASE WHEN paused_at IS NOT NULL AND finished_at IS NULL THEN 'paused' ELSE state END,
       count(*)
FROM tickstock.loads GROUP BY 1

-- name: call_states
-- Calls of open jobs by state. Those of ended jobs are told by the jobs' states.
SELECT c.state, count(*) FROM tickstock.calls AS c JOIN tickstock.loads AS l ON l.id = c.load_id
WHERE l.finished_at IS NULL GROUP BY c.state
