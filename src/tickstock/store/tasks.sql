-- name: end_tasks
-- The job is over, or stands still: no slice of it is begun, and those under way are told.
SELECT procrastinate_cancel_job_v1(id, true, true)
FROM (SELECT id FROM procrastinate_jobs
      WHERE task_name = 'tickstock.drain' AND status IN ('todo', 'doing')
        AND args ->> 'load_id' = %(load_id)s
      ORDER BY id) AS of_load

-- name: drop_waiting
-- The job has ended, by a slice that ends by itself too: no other is begun.
SELECT procrastinate_cancel_job_v1(id, false, true)
FROM procrastinate_jobs
WHERE task_name = 'tickstock.drain' AND status = 'todo' AND args ->> 'load_id' = %(load_id)s

-- name: unattended
-- Open jobs of a vendor that no task stands for, most urgent first.
SELECT l.id, l.priority FROM tickstock.loads AS l
WHERE l.finished_at IS NULL AND l.paused_at IS NULL AND l.vendor = %(vendor)s
  AND NOT EXISTS (
    SELECT FROM procrastinate_jobs AS j
    WHERE j.task_name = 'tickstock.drain' AND j.status IN ('todo', 'doing')
      AND j.args ->> 'load_id' = l.id::text)
ORDER BY l.priority DESC, l.created_at

-- name: readiness
-- Of a job: its vendor and priority, whether a slice of it makes sense, how many of its calls are
-- not at an end, and in how many seconds one of them may be claimed.
SELECT l.vendor, l.priority, l.finished_at IS NULL AND l.paused_at IS NULL AS is_due,
       c.open AS open_calls,
       greatest(coalesce(extract(epoch FROM c.first - clock_timestamp()), 0), 0)::float8 AS seconds
FROM tickstock.loads AS l, LATERAL (
    SELECT count(*) AS open,
           min(CASE state WHEN 'leased' THEN lease_until
                          ELSE coalesce(not_before, clock_timestamp()) END) AS first
    FROM tickstock.calls WHERE load_id = l.id AND state IN ('waiting', 'leased')) AS c
WHERE l.id = %(load_id)s

-- name: count_orphans
-- How many tasks are with workers that are gone.
SELECT count(*) FROM procrastinate_jobs AS j
WHERE j.task_name = 'tickstock.drain' AND j.status = 'doing' AND NOT EXISTS (
    SELECT FROM procrastinate_workers AS w
    WHERE w.id = j.worker_id AND w.last_heartbeat >= clock_timestamp() - %(silence)s)

-- name: could_be_shared
-- Whether calls of a job wait, and other workers are alive that may have a hand free.
SELECT EXISTS (SELECT FROM tickstock.calls
               WHERE load_id = %(load_id)s AND state = 'waiting'
                 AND (not_before IS NULL OR not_before <= clock_timestamp()))
   AND (SELECT count(*) FROM procrastinate_workers
        WHERE last_heartbeat >= clock_timestamp() - %(silence)s) > 1

-- name: most_urgent
-- The priority of the first task that waits in a queue for jobs other than these.
SELECT max(priority) FROM procrastinate_jobs
WHERE queue_name = %(queue)s AND task_name = 'tickstock.drain' AND status = 'todo'
  AND (scheduled_at IS NULL OR scheduled_at <= now())
  AND args ->> 'load_id' <> ALL (%(load_ids)s::text[])
