-- name: add
-- A new schedule.
INSERT INTO tickstock.schedules
    (environment, name, universe, at, after_close, duration, timeframes, vendor, created_by)
VALUES (%(environment)s, %(name)s, %(universe)s, %(at)s, %(after_close)s, %(duration)s,
        %(timeframes)s, %(vendor)s, %(created_by)s)
ON CONFLICT (environment, name) DO NOTHING

-- name: remove
-- No more of it; the jobs that it made stay.
DELETE FROM tickstock.schedules WHERE environment = %(environment)s AND name = %(name)s

-- name: known
-- Every schedule, and up to when it is done or somebody is at it. A run whose worker was not heard of
-- in time is still to be done.
SELECT s.environment, s.name, s.universe, s.at, s.after_close, s.duration, s.timeframes, s.vendor,
       s.created_by, coalesce(taken.until, s.created_at) AS since
FROM tickstock.schedules AS s
LEFT JOIN LATERAL (
    SELECT max(r.due_at) AS until FROM tickstock.schedule_runs AS r
    WHERE (r.environment, r.name) = (s.environment, s.name)
      AND (r.state <> 'running' OR r.lease_until >= clock_timestamp())) AS taken ON true
WHERE s.environment = %(environment)s
ORDER BY s.name

-- name: last_runs
-- The last run of each schedule.
SELECT DISTINCT ON (name) name, due_at, missed, worker, state, load_id, message, ran_at
FROM tickstock.schedule_runs WHERE environment = %(environment)s
ORDER BY name, due_at DESC

-- name: forget_runs
-- Old runs; the last one of a schedule tells what is due next, and stays.
DELETE FROM tickstock.schedule_runs AS r
WHERE r.due_at < %(before)s AND EXISTS (
    SELECT FROM tickstock.schedule_runs AS later
    WHERE (later.environment, later.name) = (r.environment, r.name) AND later.due_at > r.due_at)

-- name: take
-- Take a due time on: once, or again when who took it on was not heard of in time.
INSERT INTO tickstock.schedule_runs AS r (environment, name, due_at, missed, worker, lease_until)
VALUES (%(environment)s, %(name)s, %(due_at)s, %(missed)s, %(worker)s,
        clock_timestamp() + %(lease)s)
ON CONFLICT (environment, name, due_at) DO UPDATE
SET worker = EXCLUDED.worker, lease_until = EXCLUDED.lease_until, ran_at = clock_timestamp()
WHERE r.state = 'running' AND r.lease_until < clock_timestamp()

-- name: settle
-- What came of a due time, and of earlier ones that somebody took on and did not bring to an end.
UPDATE tickstock.schedule_runs
SET state = CASE WHEN %(load_id)s::uuid IS NULL THEN 'failed' ELSE 'submitted' END,
    load_id = %(load_id)s, message = %(message)s, lease_until = NULL
WHERE environment = %(environment)s AND name = %(name)s
  AND (due_at = %(due_at)s
       OR due_at < %(due_at)s AND state = 'running' AND lease_until < clock_timestamp())
